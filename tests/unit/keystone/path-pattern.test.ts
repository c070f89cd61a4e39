import { expect, it } from "vitest";
import { patternOfPath } from "../../../app/keystone/path-pattern.server";

it.each([
  ["/v3/users", "/v3/users"],
  ["/v3/users/4d2c/password", "/v3/users/{id}/password"],
  [
    "/identity/v3/domains/4d2c/config/security_compliance",
    "/identity/v3/domains/{id}/config/security_compliance",
  ],
  ["/v3/projects/4d2c/users/5e3d/roles/6f4e", "/v3/projects/{id}/users/{id}/roles/{id}"],
  ["/v3/users/users", "/v3/users/{id}"],
  ["/v3/auth/tokens", "/v3/auth/tokens"],
])("in the metrics %s is %s", (path, pattern) => {
  expect(patternOfPath(path)).toBe(pattern);
});
