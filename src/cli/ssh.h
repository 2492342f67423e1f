/* SPDX-License-Identifier: Apache-2.0 */
/*
 * cli/ssh.h - --ssh default | ID | ID=SOCKET: agents for RUN --mount=type=ssh, as docker has it;
 * without a socket it is the one of SSH_AUTH_SOCK. Keys (ID=KEY) are refused: they need an agent.
 */
#pragma once

#include "build/build.h"

int ssh_agents_open(const StrVec *specs, BuildRequest *to, Err *err) must_check;
void ssh_agents_close(BuildRequest *r);
