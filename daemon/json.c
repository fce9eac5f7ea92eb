/* SPDX-License-Identifier: MIT */
/*
 * A recursive descent over RFC 8259, as deep as JSON_DEPTH_MAX and no deeper.
 *
 * The one thing a reader would get wrong: a string is written where it was read, and never gets
 * longer: an escape of six characters is three bytes of UTF-8 at most, one of twelve four.
 */
#include "daemon/json.h"

#include <string.h>

#include "daemon/utf8.h"

/* read before write, always: at runs ahead of what a string has become. */
struct scan {
	unsigned char *at;
	unsigned char *end;
	unsigned int depth;
	struct json_text *text;
};

static enum json_verdict scan_value(struct scan *s, const char *key);

static int peek(const struct scan *s)
{
	return s->at < s->end ? *s->at : -1;
}

static bool take(struct scan *s, int c)
{
	if (peek(s) != c)
		return false;
	s->at++;
	return true;
}

static void skip_space(struct scan *s)
{
	while (peek(s) == ' ' || peek(s) == '\t' || peek(s) == '\n' || peek(s) == '\r')
		s->at++;
}

static unsigned int skip_digits(struct scan *s)
{
	unsigned int n = 0;

	for (; peek(s) >= '0' && peek(s) <= '9'; n++)
		s->at++;
	return n;
}

static bool scan_utf8(struct scan *s)
{
	size_t bytes = utf8_length(s->at, s->end);

	s->at += bytes;
	return bytes > 0;
}

/* Four hexadecimal digits; -1 when they are not. */
static int scan_hex4(struct scan *s)
{
	int value = 0;

	for (int i = 0; i < 4; i++) {
		int c = peek(s);

		if (c >= '0' && c <= '9')
			value = value * 16 + (c - '0');
		else if (c >= 'a' && c <= 'f')
			value = value * 16 + (c - 'a' + 10);
		else if (c >= 'A' && c <= 'F')
			value = value * 16 + (c - 'A' + 10);
		else
			return -1;
		s->at++;
	}
	return value;
}

/* After "\u".  A high surrogate must have its low one behind it, and no other may stand alone. */
static enum json_verdict scan_unicode(struct scan *s, unsigned int *ret)
{
	int unit = scan_hex4(s);
	int low;

	if (unit < 0)
		return JSON_SYNTAX;
	if (unit == 0 || (unit >= 0xdc00 && unit <= 0xdfff))
		return JSON_ENCODING;
	*ret = (unsigned int)unit;
	if (unit < 0xd800 || unit > 0xdbff)
		return JSON_PROPER;
	if (!take(s, '\\') || !take(s, 'u'))
		return JSON_ENCODING;
	low = scan_hex4(s);
	if (low < 0xdc00 || low > 0xdfff)
		return JSON_ENCODING;
	*ret = 0x10000 + ((unsigned int)(unit - 0xd800) << 10) + (unsigned int)(low - 0xdc00);
	return JSON_PROPER;
}

/* After the backslash: the character that it stands for. */
static enum json_verdict scan_escape(struct scan *s, unsigned int *ret)
{
	static const char escapes[] = "\"\\/bfnrt";
	static const char meanings[] = "\"\\/\b\f\n\r\t";
	int c = peek(s);
	const char *found = c > 0 ? strchr(escapes, c) : NULL;

	if (take(s, 'u'))
		return scan_unicode(s, ret);
	if (found == NULL)
		return JSON_SYNTAX;
	s->at++;
	*ret = (unsigned char)meanings[found - escapes];
	return JSON_PROPER;
}

/* *ret: the string, ended by a NUL where its closing quote was or before that. */
static enum json_verdict scan_string(struct scan *s, bool is_key, const char **ret)
{
	if (!take(s, '"'))
		return JSON_SYNTAX;

	unsigned char *to = s->at;

	*ret = (const char *)to;
	while (!take(s, '"')) {
		enum json_verdict verdict = JSON_PROPER;
		unsigned char *from = s->at;
		unsigned int escaped;
		int c = peek(s);

		if (c < 0)
			return JSON_SYNTAX;
		if (c < 0x20)
			return JSON_ENCODING;
		if (c == '\\' && is_key)
			return JSON_KEY;
		if (c >= 0x80 && !scan_utf8(s))
			return JSON_ENCODING;
		if (c < 0x80)
			s->at++;
		if (c == '\\') {
			verdict = scan_escape(s, &escaped);
			if (verdict != JSON_PROPER)
				return verdict;
			to = utf8_put(to, escaped);
			continue;
		}
		while (from < s->at)
			*to++ = *from++;
	}
	*to = '\0';
	return JSON_PROPER;
}

/* At most 19 digits fit; the 19th may be too much.  digits has no leading zero. */
static bool read_integer(
	const unsigned char *digits, unsigned int count, bool negative, int64_t *ret)
{
	uint64_t value = 0;

	if (count > 19)
		return false;
	for (unsigned int i = 0; i < count; i++)
		value = value * 10 + (uint64_t)(digits[i] - '0');
	if (value > (uint64_t)INT64_MAX + negative)
		return false;
	*ret = (int64_t)(negative ? -value : value);
	return true;
}

/* After the e: sign and digits, within JSON_EXPONENT_MAX. */
static enum json_verdict scan_exponent(struct scan *s)
{
	unsigned int value = 0;

	if (!take(s, '+'))
		take(s, '-');
	if (peek(s) < '0' || peek(s) > '9')
		return JSON_SYNTAX;
	for (; peek(s) >= '0' && peek(s) <= '9'; s->at++) {
		value = value * 10 + (unsigned int)(peek(s) - '0');
		if (value > JSON_EXPONENT_MAX)
			return JSON_NUMBER;
	}
	return JSON_PROPER;
}

static enum json_verdict scan_number(struct scan *s, struct json_value *v)
{
	const unsigned char *start = s->at;
	bool negative = take(s, '-');
	const unsigned char *digits = s->at;
	enum json_verdict verdict = JSON_PROPER;

	if (skip_digits(s) == 0 || (digits[0] == '0' && s->at - digits > 1))
		return JSON_SYNTAX;

	unsigned int count = (unsigned int)(s->at - digits);

	v->kind = JSON_IS_INT;
	if (take(s, '.')) {
		v->kind = JSON_IS_REAL;
		if (skip_digits(s) == 0)
			return JSON_SYNTAX;
	}
	if (take(s, 'e') || take(s, 'E')) {
		v->kind = JSON_IS_REAL;
		verdict = scan_exponent(s);
	}
	if (verdict != JSON_PROPER)
		return verdict;
	if (v->kind == JSON_IS_INT)
		return read_integer(digits, count, negative, &v->integer) ? JSON_PROPER
									  : JSON_NUMBER;
	return s->at - start > JSON_NUMBER_MAX ? JSON_NUMBER : JSON_PROPER;
}

static enum json_verdict scan_literal(struct scan *s, struct json_value *v)
{
	static const struct {
		const char *word;
		enum json_kind kind;
		bool boolean;
	} literals[] = {
		{ "null", JSON_IS_NULL, false },
		{ "true", JSON_IS_BOOL, true },
		{ "false", JSON_IS_BOOL, false },
	};

	for (size_t i = 0; i < sizeof(literals) / sizeof(*literals); i++) {
		size_t bytes = strlen(literals[i].word);

		if ((size_t)(s->end - s->at) < bytes || memcmp(s->at, literals[i].word, bytes) != 0)
			continue;
		s->at += bytes;
		v->kind = literals[i].kind;
		v->boolean = literals[i].boolean;
		return JSON_PROPER;
	}
	return JSON_SYNTAX;
}

static bool has_key(const struct json_value *object, const char *key)
{
	const struct json_value *child;

	JSON_FOR_EACH(child, object)
	{
		if (strcmp(child->key, key) == 0)
			return true;
	}
	return false;
}

static enum json_verdict scan_member(struct scan *s, struct json_value *object)
{
	const char *key = NULL;
	enum json_verdict verdict;

	skip_space(s);
	verdict = scan_string(s, true, &key);
	if (verdict != JSON_PROPER)
		return verdict;
	if (has_key(object, key))
		return JSON_KEY;
	skip_space(s);
	return take(s, ':') ? scan_value(s, key) : JSON_SYNTAX;
}

/* After the opening bracket, up to and with the closing one. */
static enum json_verdict scan_container(struct scan *s, struct json_value *v, int closing)
{
	enum json_verdict verdict;

	if (s->depth == JSON_DEPTH_MAX)
		return JSON_LIMIT;
	s->depth++;
	skip_space(s);
	if (!take(s, closing)) {
		do {
			verdict =
				v->kind == JSON_IS_OBJECT ? scan_member(s, v) : scan_value(s, NULL);
			if (verdict != JSON_PROPER)
				return verdict;
			v->count++;
		} while (take(s, ','));
		if (!take(s, closing))
			return JSON_SYNTAX;
	}
	s->depth--;
	return JSON_PROPER;
}

static enum json_verdict scan_kind(struct scan *s, struct json_value *v)
{
	if (take(s, '{')) {
		v->kind = JSON_IS_OBJECT;
		return scan_container(s, v, '}');
	}
	if (take(s, '[')) {
		v->kind = JSON_IS_ARRAY;
		return scan_container(s, v, ']');
	}
	if (peek(s) == '"') {
		v->kind = JSON_IS_STRING;
		return scan_string(s, false, &v->string);
	}
	if (peek(s) == '-' || (peek(s) >= '0' && peek(s) <= '9'))
		return scan_number(s, v);
	return scan_literal(s, v);
}

/* A value with the space around it. */
static enum json_verdict scan_value(struct scan *s, const char *key)
{
	struct json_value *v = &s->text->values[s->text->count];
	enum json_verdict verdict;

	if (s->text->count == JSON_VALUES_MAX)
		return JSON_LIMIT;
	s->text->count++;
	*v = (struct json_value){ .key = key };
	skip_space(s);
	verdict = scan_kind(s, v);
	v->span = (uint16_t)(&s->text->values[s->text->count] - v);
	skip_space(s);
	return verdict;
}

enum json_verdict json_read(char *text, size_t bytes, struct json_text *ret)
{
	struct scan s = {
		.at = (unsigned char *)text,
		.end = (unsigned char *)text + bytes,
		.text = ret,
	};
	enum json_verdict verdict;

	ret->count = 0;
	skip_space(&s);
	if (peek(&s) != '{')
		return JSON_SYNTAX;
	verdict = scan_value(&s, NULL);
	if (verdict != JSON_PROPER)
		return verdict;
	return s.at == s.end ? JSON_PROPER : JSON_SYNTAX;
}

const struct json_value *json_member(const struct json_value *object, const char *key)
{
	const struct json_value *child;

	JSON_FOR_EACH(child, object)
	{
		if (strcmp(child->key, key) == 0)
			return child->kind == JSON_IS_NULL ? NULL : child;
	}
	return NULL;
}
