/* SPDX-License-Identifier: MIT */
/*
 * A recursive descent over RFC 8259, as deep as JSON_DEPTH_MAX and no deeper.
 *
 * The one thing a reader would get wrong: keys are compared as bytes, which is comparing what they
 * mean only because an escape in a key is refused.
 */
#include "daemon/json.h"

#include <stdint.h>
#include <string.h>

struct key {
	const unsigned char *at;
	size_t bytes;
};

/* The keys of the objects that are open, the innermost object's last. */
struct scan {
	const unsigned char *at;
	const unsigned char *end;
	unsigned int depth;
	unsigned int values;
	unsigned int keys;
	struct key key[JSON_VALUES_MAX];
};

static enum json_verdict scan_value(struct scan *s);

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

/*
 * One character of more than one byte: RFC 3629, table in its section 4.  The second byte's range
 * is what shuts out overlong forms, surrogates, and what lies beyond U+10FFFF.
 */
static bool scan_utf8(struct scan *s)
{
	unsigned int lead = *s->at;
	unsigned int low = 0x80;
	unsigned int high = 0xbf;
	size_t more;

	if (lead >= 0xc2 && lead <= 0xdf)
		more = 1;
	else if (lead >= 0xe0 && lead <= 0xef)
		more = 2;
	else if (lead >= 0xf0 && lead <= 0xf4)
		more = 3;
	else
		return false;
	if (lead == 0xe0)
		low = 0xa0;
	if (lead == 0xed)
		high = 0x9f;
	if (lead == 0xf0)
		low = 0x90;
	if (lead == 0xf4)
		high = 0x8f;
	s->at++;
	for (; more > 0; more--, low = 0x80, high = 0xbf) {
		if (peek(s) < (int)low || peek(s) > (int)high)
			return false;
		s->at++;
	}
	return true;
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

/* After the backslash.  A high surrogate must have its low one behind it. */
static enum json_verdict scan_escape(struct scan *s)
{
	int c = peek(s);

	if (c <= 0 || strchr("\"\\/bfnrtu", c) == NULL)
		return JSON_SYNTAX;
	s->at++;
	if (c != 'u')
		return JSON_PROPER;

	int unit = scan_hex4(s);

	if (unit < 0)
		return JSON_SYNTAX;
	if (unit == 0 || (unit >= 0xdc00 && unit <= 0xdfff))
		return JSON_ENCODING;
	if (unit < 0xd800 || unit > 0xdbff)
		return JSON_PROPER;
	if (!take(s, '\\') || !take(s, 'u'))
		return JSON_ENCODING;
	unit = scan_hex4(s);
	return unit >= 0xdc00 && unit <= 0xdfff ? JSON_PROPER : JSON_ENCODING;
}

static enum json_verdict scan_string(struct scan *s, bool is_key)
{
	enum json_verdict verdict;

	if (!take(s, '"'))
		return JSON_SYNTAX;
	while (!take(s, '"')) {
		int c = peek(s);

		if (c < 0)
			return JSON_SYNTAX;
		if (c < 0x20)
			return JSON_ENCODING;
		if (c >= 0x80) {
			if (!scan_utf8(s))
				return JSON_ENCODING;
			continue;
		}
		s->at++;
		if (c != '\\')
			continue;
		if (is_key)
			return JSON_KEY;
		verdict = scan_escape(s);
		if (verdict != JSON_PROPER)
			return verdict;
	}
	return JSON_PROPER;
}

/* At most 19 digits fit; the 19th may be too much.  digits has no leading zero. */
static bool integer_fits(const unsigned char *digits, unsigned int count, bool negative)
{
	uint64_t value = 0;

	if (count > 19)
		return false;
	for (unsigned int i = 0; i < count; i++)
		value = value * 10 + (digits[i] - '0');
	return value <= (uint64_t)INT64_MAX + negative;
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

static enum json_verdict scan_number(struct scan *s)
{
	const unsigned char *start = s->at;
	bool negative = take(s, '-');
	const unsigned char *digits = s->at;
	enum json_verdict verdict = JSON_PROPER;
	bool integer = true;

	if (skip_digits(s) == 0 || (digits[0] == '0' && s->at - digits > 1))
		return JSON_SYNTAX;

	unsigned int count = (unsigned int)(s->at - digits);

	if (take(s, '.')) {
		integer = false;
		if (skip_digits(s) == 0)
			return JSON_SYNTAX;
	}
	if (take(s, 'e') || take(s, 'E')) {
		integer = false;
		verdict = scan_exponent(s);
	}
	if (verdict != JSON_PROPER)
		return verdict;
	if (integer ? !integer_fits(digits, count, negative) : s->at - start > JSON_NUMBER_MAX)
		return JSON_NUMBER;
	return JSON_PROPER;
}

static enum json_verdict scan_literal(struct scan *s, const char *word)
{
	size_t bytes = strlen(word);

	if ((size_t)(s->end - s->at) < bytes || memcmp(s->at, word, bytes) != 0)
		return JSON_SYNTAX;
	s->at += bytes;
	return JSON_PROPER;
}

/* first: the index of the object's first key. */
static enum json_verdict scan_key(struct scan *s, unsigned int first)
{
	const unsigned char *start = s->at;
	enum json_verdict verdict = scan_string(s, true);

	if (verdict != JSON_PROPER)
		return verdict;

	struct key key = { start, (size_t)(s->at - start) };

	for (unsigned int i = first; i < s->keys; i++) {
		if (s->key[i].bytes == key.bytes && memcmp(s->key[i].at, key.at, key.bytes) == 0)
			return JSON_KEY;
	}
	if (s->keys == JSON_VALUES_MAX)
		return JSON_LIMIT;
	s->key[s->keys++] = key;
	return JSON_PROPER;
}

static enum json_verdict scan_object(struct scan *s)
{
	unsigned int first = s->keys;
	enum json_verdict verdict;

	s->at++;
	skip_space(s);
	if (take(s, '}'))
		return JSON_PROPER;
	do {
		skip_space(s);
		verdict = scan_key(s, first);
		if (verdict != JSON_PROPER)
			return verdict;
		skip_space(s);
		if (!take(s, ':'))
			return JSON_SYNTAX;
		verdict = scan_value(s);
		if (verdict != JSON_PROPER)
			return verdict;
	} while (take(s, ','));
	s->keys = first;
	return take(s, '}') ? JSON_PROPER : JSON_SYNTAX;
}

static enum json_verdict scan_array(struct scan *s)
{
	enum json_verdict verdict;

	s->at++;
	skip_space(s);
	if (take(s, ']'))
		return JSON_PROPER;
	do {
		verdict = scan_value(s);
		if (verdict != JSON_PROPER)
			return verdict;
	} while (take(s, ','));
	return take(s, ']') ? JSON_PROPER : JSON_SYNTAX;
}

static enum json_verdict scan_container(struct scan *s)
{
	enum json_verdict verdict;

	if (s->depth == JSON_DEPTH_MAX)
		return JSON_LIMIT;
	s->depth++;
	verdict = peek(s) == '{' ? scan_object(s) : scan_array(s);
	s->depth--;
	return verdict;
}

/* A value with the space around it. */
static enum json_verdict scan_value(struct scan *s)
{
	enum json_verdict verdict;

	skip_space(s);
	if (++s->values > JSON_VALUES_MAX)
		return JSON_LIMIT;
	switch (peek(s)) {
	case '{':
	case '[':
		verdict = scan_container(s);
		break;
	case '"':
		verdict = scan_string(s, false);
		break;
	case 't':
		verdict = scan_literal(s, "true");
		break;
	case 'f':
		verdict = scan_literal(s, "false");
		break;
	case 'n':
		verdict = scan_literal(s, "null");
		break;
	default:
		verdict = scan_number(s);
		break;
	}
	skip_space(s);
	return verdict;
}

bool json_is_text(const char *text, size_t bytes)
{
	struct scan s = {
		.at = (const unsigned char *)text,
		.end = (const unsigned char *)text + bytes,
	};

	while (s.at < s.end) {
		if (*s.at < 0x20 || *s.at == 0x7f)
			return false;
		if (*s.at < 0x80)
			s.at++;
		else if (!scan_utf8(&s))
			return false;
	}
	return true;
}

enum json_verdict json_check(const char *text, size_t bytes)
{
	struct scan s = {
		.at = (const unsigned char *)text,
		.end = (const unsigned char *)text + bytes,
	};
	enum json_verdict verdict;

	skip_space(&s);
	if (peek(&s) != '{')
		return JSON_SYNTAX;
	verdict = scan_value(&s);
	if (verdict != JSON_PROPER)
		return verdict;
	return s.at == s.end ? JSON_PROPER : JSON_SYNTAX;
}
