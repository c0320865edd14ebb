// Who is using the page, and what they may do.

import { get } from "./api.js";

let user = { user: "", role: "", roles: [] };

/** Ask the API who it is; resolves to `{user, role, roles}`. */
export async function signIn() {
  user = await get("/me");
  return user;
}

/** Whether they have a role: `reader`, `writer` (rows, files) or `operator` (backups, restores). */
export function may(role) {
  return user.roles.includes(role);
}
