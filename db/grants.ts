import { is, sql } from "drizzle-orm";
import { getTableConfig, PgTable } from "drizzle-orm/pg-core";
import { openDatabase, type Queryable } from "./client";
import * as schema from "./schema";

/** The database gives these: no row can then be put in before another, or be dated back. */
const GIVEN_BY_THE_DATABASE = ["id", "at"];

const trailColumns = getTableConfig(schema.auditEvents)
  .columns.map(({ name }) => name)
  .filter((name) => !GIVEN_BY_THE_DATABASE.includes(name));

/** What the server does with a table. The trail it may add to and read; and no link is ever deleted. */
const RIGHTS: Record<string, string> = {
  audit_events: `SELECT, INSERT (${trailColumns.join(", ")})`,
  links: "SELECT, INSERT, UPDATE",
  // A trigger writes it, as the owner.
  link_words: "SELECT",
};
const OF_OTHER_TABLES = "SELECT, INSERT, UPDATE, DELETE";

const tables = Object.values<unknown>(schema)
  .filter((value) => is(value, PgTable))
  .map((table) => getTableConfig(table).name)
  .sort();

/** Names as they are in SQL: quoted only where they have to be. */
const identifier = (name: string) =>
  /^[a-z_][a-z0-9_]*$/.test(name) ? name : `"${name.replaceAll('"', '""')}"`;

/**
 * The least that the server's role needs, as statements for the role that owns the tables. Whatever else
 * it had on them is taken away, so the same again is right after an upgrade.
 *
 * @param names.role the server's role, which must be there
 */
export function grantsFor(names: { role: string; database: string }): string[] {
  const role = identifier(names.role);
  return [
    `REVOKE ALL ON ALL TABLES IN SCHEMA public, drizzle FROM ${role}`,
    `GRANT CONNECT ON DATABASE ${identifier(names.database)} TO ${role}`,
    `GRANT USAGE ON SCHEMA public, drizzle TO ${role}`,
    `GRANT SELECT ON drizzle.__drizzle_migrations TO ${role}`,
    ...tables.map((table) => `GRANT ${RIGHTS[table] ?? OF_OTHER_TABLES} ON ${table} TO ${role}`),
    // Before PostgreSQL 15, everybody may make tables of their own there.
    "REVOKE CREATE ON SCHEMA public FROM PUBLIC",
  ];
}

export type GrantResult =
  /** With what is still not as it should be, a sentence each: for a superuser to put right. */
  | { ok: true; excess: string[] }
  /** Nothing can be taken from a role that owns the tables, or is a superuser. */
  | { ok: false; reason: "owner" }
  /** DATABASE_URL's role does not own the tables: PostgreSQL would grant nothing, and not say so. */
  | { ok: false; reason: "not-as-owner" };

/**
 * Gives the server's role what it needs, and takes what it does not, in one transaction.
 *
 * @param options.url DATABASE_URL of the role that owns the tables
 * @throws where the role is not there
 */
export async function grantServerRole(options: {
  url: string;
  role: string;
}): Promise<GrantResult> {
  const { db, close } = openDatabase({ url: options.url, poolSize: 1 });
  try {
    return await db.transaction(async (tx): Promise<GrantResult> => {
      const owners = await tx.execute<{ name: string; is_me: boolean }>(sql`
        select rolname as name, rolname = current_user as is_me from pg_roles, pg_class as trail
        where trail.oid = 'audit_events'::regclass and pg_has_role(rolname, relowner, 'member')`);
      if (owners.some(({ name }) => name === options.role)) return { ok: false, reason: "owner" };
      if (!owners.some(({ is_me }) => is_me)) return { ok: false, reason: "not-as-owner" };
      const [here] = await tx.execute<{ name: string }>(sql`select current_database() as name`);
      for (const grant of grantsFor({ role: options.role, database: here?.name ?? "" }))
        await tx.execute(sql.raw(grant));
      return { ok: true, excess: await findExcessRights(tx, options.role) };
    });
  } finally {
    await close({ timeoutSeconds: 5 });
  }
}

/**
 * Whether a role could change or erase the audit trail, or give itself the right to.
 *
 * @param role the one that asks, when left out
 * @returns a sentence for each way, that names the role; empty for one that has what it needs and no more
 */
export async function findExcessRights(db: Queryable, role?: string): Promise<string[]> {
  const who = role === undefined ? sql`current_user` : sql`${role}::name`;
  const [found] = await db.execute<{
    name: string;
    is_superuser: boolean;
    makes_roles: boolean;
    owns_trail: boolean;
    changes_trail: boolean;
    makes_tables: boolean;
  }>(sql`
    select rolname as name, rolsuper as is_superuser, rolcreaterole as makes_roles,
      pg_has_role(rolname, relowner, 'member') as owns_trail,
      has_table_privilege(rolname, trail.oid, 'update, delete, truncate, trigger') as changes_trail,
      has_schema_privilege(rolname, relnamespace, 'create') as makes_tables
    from pg_roles, pg_class as trail
    where rolname = ${who} and trail.oid = 'audit_events'::regclass`);
  if (!found) return [];
  const { name } = found;
  if (found.is_superuser)
    return [`${name} is a superuser: it can change and erase the audit trail.`];
  const problems = [
    found.owns_trail && `${name} owns the tables: it can change and erase the audit trail.`,
    !found.owns_trail &&
      found.changes_trail &&
      `${name} was given more than the server needs: it can change the audit trail.`,
    found.makes_roles && `${name} may make and change roles, and so become the tables' owner.`,
    !found.owns_trail &&
      found.makes_tables &&
      `${name} may make tables of its own in schema public. A superuser takes that away with: REVOKE CREATE ON SCHEMA public FROM PUBLIC`,
  ];
  return problems.filter((problem) => problem !== false);
}
