import type { Config } from "./config.server";
import { readDatabaseUrl } from "./database-url.server";
import { isLoopback } from "./loopback.server";
import { readSmtpUrl } from "./smtp-url.server";

/** Keystone's own, which its policy gives power over every user. */
const ADMIN_ROLE = "admin";

/**
 * What the operator should know of the configuration: where something goes over the network in clear,
 * or to whoever answers, and where more people are let in than need to be. Nothing of it is refused,
 * because a service mesh or a tunnel may do what TLS would, and a cloud may have reasons for its roles;
 * but nobody shall run so unawares.
 *
 * @param config from `loadConfig`
 * @returns one sentence or two a problem, which name the variable and say what to do; no value of it.
 *   Outside production, where a network of one's own is usual, only what was switched off by hand
 */
export function findInsecureSettings(
  config: Pick<Config, "production" | "publicUrl" | "databaseUrl"> & {
    readonly keystone: Pick<Config["keystone"], "authUrl">;
    readonly mail: Pick<Config["mail"], "smtpUrl">;
    readonly admin: Pick<Config["admin"], "roles">;
  },
): string[] {
  const { production, publicUrl, databaseUrl, keystone, mail, admin } = config;
  const problems = [
    production ? problemOfPublicUrl(publicUrl) : undefined,
    production ? problemOfAuthUrl(new URL(keystone.authUrl)) : undefined,
    production ? problemOfDatabaseUrl(databaseUrl) : undefined,
    production ? problemOfSmtpConnection(mail.smtpUrl) : undefined,
    problemOfSmtpCertificate(mail.smtpUrl),
    problemOfRoles(admin.roles),
  ];
  return problems.filter((problem) => problem !== undefined);
}

const isPlainElsewhere = ({ protocol, hostname }: URL) =>
  protocol === "http:" && !isLoopback(hostname);

function problemOfPublicUrl(publicUrl: URL): string | undefined {
  if (!isPlainElsewhere(publicUrl)) return undefined;
  return "PUBLIC_URL begins with http://: links, PINs, passwords and session cookies can be read on their way. Put a proxy with TLS before this service, and set PUBLIC_URL to its https:// address.";
}

function problemOfAuthUrl(authUrl: URL): string | undefined {
  if (!isPlainElsewhere(authUrl)) return undefined;
  return "OS_AUTH_URL begins with http:// and names another machine: whoever is between can read passwords and tokens, and answer in Keystone's place. Use Keystone's https:// address, and name an authority of your own with OS_CACERT.";
}

/** postgres.js checks certificates with these, and with no other (its `true` is Node's default). */
const CHECKED = ["verify-full", "verify-ca", "true"];
const UNCHECKED = ["require", "prefer", "allow"];

const VERIFY_FULL =
  "Use sslmode=verify-full, and name an authority of your own with NODE_EXTRA_CA_CERTS.";

function problemOfDatabaseUrl(databaseUrl: string): string | undefined {
  const read = readDatabaseUrl(databaseUrl);
  if (!read.ok) return undefined;
  const { hosts } = read.address;
  // A socket is on this machine.
  if (hosts.every(({ host }) => host === undefined || host === "" || isLoopback(host)))
    return undefined;
  const url = new URL(hosts[0]?.url ?? "");
  // As postgres.js reads them: of a name given twice the last counts, and sslmode before ssl.
  const query: Record<string, string | undefined> = Object.fromEntries(url.searchParams);
  const mode =
    query.sslrootcert === "system" ? "verify-full" : query.sslmode || query.ssl || "disable";
  if (CHECKED.includes(mode)) return undefined;
  if (UNCHECKED.includes(mode))
    return `DATABASE_URL has sslmode=${mode}, which checks no certificate: whoever is between can pass for the database, and read and change all that is stored. ${VERIFY_FULL}`;
  return `DATABASE_URL names another machine, without TLS: whoever is between can read and change all that is stored. ${VERIFY_FULL} (sslmode=require would encrypt, but checks no certificate.)`;
}

function problemOfSmtpConnection(smtpUrl: string): string | undefined {
  const read = readSmtpUrl(smtpUrl);
  if (!read.ok || isLoopback(read.server.host)) return undefined;
  switch (read.server.tls) {
    case "implicit":
    case "required":
      return undefined;
    case "offered":
      return "SMTP_URL names another machine, and mails go there in clear if it offers no STARTTLS: whoever is between can have it offer none, and read every link. Add requireTLS=true, or use smtps://.";
    case "never":
      return "SMTP_URL has ignoreTLS=true and names another machine: whoever is between can read every link. Put requireTLS=true in its place, or use smtps://.";
  }
}

function problemOfSmtpCertificate(smtpUrl: string): string | undefined {
  const read = readSmtpUrl(smtpUrl);
  if (!read.ok || read.server.certificate.verify) return undefined;
  return "SMTP_URL has tls.rejectUnauthorized=false: whoever is between this service and the mail server can read every link. Use tls.ca=/path/ca.pem instead.";
}

/** Whoever has another role sees what the console shows; what they may change, Keystone says each time. */
function problemOfRoles(roles: Config["admin"]["roles"]): string | undefined {
  const cost =
    "They see every link, address and request in the console; before each of their acts Keystone is asked whether they may change that user, which takes a call more, and in an outage of Keystone they can do nothing.";
  if (roles === "any")
    return `ADMIN_ROLES is *: whoever has any role on the admin project, a reader too, is let in. ${cost} Use ADMIN_ROLES=admin unless scripts of yours need it.`;
  if (roles.every((role) => role === ADMIN_ROLE)) return undefined;
  return `ADMIN_ROLES names roles other than admin, and whoever has one on the admin project is let in. ${cost} Use such roles only where Keystone's policy gives them power over users.`;
}
