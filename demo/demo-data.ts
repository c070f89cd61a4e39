/** Who lives in the demo's cloud, and what its Keystone asks of passwords. */
import type { SandboxKeystoneOptions } from "./keystone/sandbox-keystone";

/** The sandbox listens on this machine alone and is gone with the demo: a password to remember. */
export const administrator = {
  userName: "admin",
  password: "openstack-demo-1",
  domainName: "Default",
};

const physics = { id: "physics", name: "Physics" };

export interface DemoUser {
  name: string;
  email?: string;
  domainId: string;
  domainName: string;
  description: string;
  /** What the approver's tool gave the account; a script hands it over with PUT. */
  initialPassword: string;
  enabled?: boolean;
  options?: Record<string, unknown>;
}

const inDefault = { domainId: "default", domainName: "Default" };
const inPhysics = { domainId: physics.id, domainName: physics.name };

const personOf = (domain: typeof inDefault, name: string, year: number, description: string) => ({
  ...domain,
  name,
  email: `${name}@example.org`,
  description,
  initialPassword: `first-${year}-${name}`,
});

export const demoUsers: readonly DemoUser[] = [
  personOf(inDefault, "ada", 1815, "Ada Lovelace"),
  personOf(inDefault, "grace", 1906, "Grace Hopper"),
  { ...personOf(inDefault, "alan", 1912, "Alan Turing; the account is disabled"), enabled: false },
  personOf(inPhysics, "lise", 1878, "Lise Meitner"),
  {
    ...personOf(inPhysics, "emmy", 1882, "Emmy Noether; has no mail address in Keystone"),
    email: undefined,
  },
  {
    ...personOf(
      inPhysics,
      "marie",
      1867,
      "Marie Curie; may not change her password (lock_password)",
    ),
    options: { lock_password: true },
  },
];

/** The PIN of the example call. */
export const examplePin = "4205";

export const passwordRules = "at least 10 characters, with a letter and a digit among them";

/** How the sandbox Keystone is furnished. */
export const demoCloud = {
  adminUserName: administrator.userName,
  adminPassword: administrator.password,
  domains: [physics],
  projects: [{ name: "demo" }],
  users: demoUsers.map(({ domainName: _, initialPassword, ...user }) => ({
    ...user,
    password: initialPassword,
    roles: [{ role: "member", projectName: "demo" }],
  })),
  passwordRegex: "^(?=.*\\d)(?=.*[a-zA-Z]).{10,}$",
  passwordRegexDescription: passwordRules,
  uniqueLastPasswordCount: 2,
  // The example call shall work for as long as anybody looks at it.
  tokenLifetimeSeconds: 12 * 3600,
  // A real one takes its time; a page that answers at once would promise too much.
  delayMs: 60,
} satisfies SandboxKeystoneOptions;
