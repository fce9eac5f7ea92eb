/* SPDX-License-Identifier: MIT */
/* Relacy with a history of 32 stores to each variable instead of 3.  One header, so as to be precompiled. */
#ifndef VDSOTIMED_PROOF_RELACY_HISTORY_HPP
#define VDSOTIMED_PROOF_RELACY_HISTORY_HPP

#include <relacy/pch.hpp>
#define atomic_history_size atomic_history_size_as_shipped
#include <relacy/defs.hpp>
#undef atomic_history_size
namespace rl
{
size_t const atomic_history_size = 32;
}
#include <relacy/relacy.hpp>

#endif
