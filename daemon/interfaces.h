/* SPDX-License-Identifier: MIT */
/*
 * The texts of the .varlink files in proto/wire, as the build puts them into the daemon
 * (embed-interfaces.sh).
 */
#ifndef VDSOTIMED_INTERFACES_H
#define VDSOTIMED_INTERFACES_H

extern const char interface_org_varlink_service[];
extern const char interface_org_vdsotime_Time[];

#endif
