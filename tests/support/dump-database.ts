import postgres from "postgres";

/** Every table of a database as text, in the format of COPY: what a thief of the database would have. */
export async function dumpDatabase(url: string): Promise<string> {
  const sql = postgres(url, { max: 1, onnotice: () => {} });
  try {
    const tables = await sql<{ schema: string; name: string }[]>`
      select schemaname as schema, tablename as name from pg_tables
      where schemaname not in ('pg_catalog', 'information_schema')
      order by 1, 2`;
    let dump = "";
    for (const { schema, name } of tables) {
      dump += `-- ${schema}.${name}\n`;
      const rows = await sql`copy ${sql(schema)}.${sql(name)} to stdout (header)`.readable();
      for await (const chunk of rows) dump += chunk;
    }
    return dump;
  } finally {
    await sql.end({ timeout: 5 });
  }
}
