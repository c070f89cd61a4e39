/**
 * A call's path with `{id}` in the place of what is one user's, domain's, project's or role's, for metrics
 * and the log: an id for a label would make a series of each.
 *
 * @param path as in `KeystoneCall`: `/v3/users/4d2c/password` is `/v3/users/{id}/password`
 */
export const patternOfPath = (path: string) =>
  path.replace(/(?<=\/v3\/(?:.*\/)?)(users|domains|projects|roles)\/[^/]+/g, "$1/{id}");
