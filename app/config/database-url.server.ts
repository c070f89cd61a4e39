/** One of the servers that DATABASE_URL names. */
export interface DatabaseHost {
  /** As people know it: `db1.example.org:5432`, or a socket's path. */
  readonly name: string;
  /** `DATABASE_URL` as if it named this host alone. */
  readonly url: string;
  /** An address without brackets; empty where none is given; undefined where there is a path. */
  readonly host: string | undefined;
  readonly port: number;
  /** Of a Unix socket. */
  readonly path: string | undefined;
}

export interface DatabaseAddress {
  /** In the order given, at least one. */
  readonly hosts: readonly DatabaseHost[];
  /** What a server has to be: libpq's `target_session_attrs`, those of them that setpass can work with. */
  readonly target: DatabaseTarget;
}

const TARGETS = ["any", "read-write", "primary"] as const;
export type DatabaseTarget = (typeof TARGETS)[number];

/** @returns the address, or what is wrong with it: the rest of a sentence, without any of its values */
export type DatabaseUrlResult =
  | { ok: true; address: DatabaseAddress }
  | { ok: false; problem: string };

const DEFAULT_PORT = 5432;

/** What is wrong with an address whose password was not written for one; it quotes nothing. */
export const UNESCAPED =
  "has a character in its user or password that would end it: write @ as %40, / as %2F, ? as %3F, # as %23";

/**
 * Reads a PostgreSQL address, as libpq does: `postgres://user:password@h1:5432,h2:5433/db?name=value`.
 * Several hosts are no URL to `URL`, and postgres.js goes on to the next one by rules of its own.
 *
 * Of several hosts the one that takes writes is wanted (`read-write`), unless the address says otherwise.
 */
export function readDatabaseUrl(text: string): DatabaseUrlResult {
  const parts = /^(postgres(?:ql)?:\/\/)([^/?#]*)(.*)$/s.exec(text);
  const wrong: DatabaseUrlResult = {
    ok: false,
    problem:
      "must be a PostgreSQL address: postgres://user:password@host:5432/setpass, or with several hosts user:password@host1:5432,host2:5432",
  };
  if (!parts) return wrong;
  const [, scheme = "", authority = "", rest = ""] = parts;
  // Cut short at a character of the password, it would be looked up, and logged, as a host's name.
  if (/#|^[^?]*@/.test(rest) || (!authority.includes("@") && rest.includes("@")))
    return { ok: false, problem: UNESCAPED };
  const at = authority.lastIndexOf("@") + 1;
  const user = authority.slice(0, at);
  const hosts: DatabaseHost[] = [];
  const names = authority.slice(at).split(",");
  for (const name of names) {
    const url = `${scheme}${user}${name}${rest}`;
    const isMissing = name === "" && (names.length > 1 || rest === "");
    if (isMissing || !URL.canParse(url)) return wrong;
    hosts.push(hostOf(new URL(url)));
  }
  const given = new URL(`${scheme}localhost${rest}`).searchParams.getAll("target_session_attrs");
  const target = given.at(-1) ?? (hosts.length > 1 ? "read-write" : "any");
  if (!isTarget(target))
    return {
      ok: false,
      problem: `has a target_session_attrs that setpass cannot work with: it writes, so take ${TARGETS.join(", ")} or leave it out`,
    };
  return { ok: true, address: { hosts, target } };
}

const isTarget = (text: string): text is DatabaseTarget =>
  (TARGETS as readonly string[]).includes(text);

/**
 * postgres.js cuts an address at its first colon, and takes no socket's path, so host and port are told
 * apart: `postgres://…@[2001:db8::5]:5433/…`, `postgres://…@%2Fvar%2Frun%2Fpostgresql/…`
 */
function hostOf(url: URL): DatabaseHost {
  const host = decodeURIComponent(url.hostname);
  const port = Number(url.port || DEFAULT_PORT);
  // Ours to see to: of one host, postgres.js would ask again and again.
  url.searchParams.delete("target_session_attrs");
  const one = { url: url.href, port };
  if (host.startsWith("/")) {
    const path = `${host}/.s.PGSQL.${port}`;
    return { ...one, name: path, host: undefined, path };
  }
  return {
    ...one,
    name: `${host}:${port}`,
    host: host.replace(/^\[(.*)\]$/, "$1"),
    path: undefined,
  };
}
