// Types of what the kernel tests use of modules.mjs.
// SPDX-License-Identifier: MIT
export declare function modulesFolder(release: string): string
