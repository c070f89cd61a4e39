import postgres from "postgres";

/**
 * Every table of a database as text, in the format of COPY: what a thief of the database would have.
 *
 * Not by COPY itself: its stream stands still in postgres.js 3.4.9 once it holds more than Node's buffer.
 *
 * @param url a role's that may read them all
 */
export async function dumpDatabase(url: string): Promise<string> {
  const sql = postgres(url, { max: 1, onnotice: () => {} });
  try {
    const tables = await sql<{ schema: string; name: string; columns: string[] }[]>`
      select table_schema as schema, table_name as name,
        array_agg(column_name::text order by ordinal_position) as columns
      from information_schema.columns join pg_tables
        on schemaname = table_schema and tablename = table_name
      where schemaname not in ('pg_catalog', 'information_schema')
      group by 1, 2 order by 1, 2`;
    const lines: string[] = [];
    for (const { schema, name, columns } of tables) {
      const fields = columns.map((column) => `${quoted(column)}::text`).join(", ");
      const rows = await sql
        .unsafe(`select ${fields} from ${quoted(schema)}.${quoted(name)}`)
        .values();
      lines.push(`-- ${schema}.${name}`, columns.join("\t"));
      for (const row of rows) lines.push((row as (string | null)[]).map(asCopied).join("\t"));
    }
    return lines.map((line) => `${line}\n`).join("");
  } finally {
    await sql.end({ timeout: 5 });
  }
}

const quoted = (identifier: string) => `"${identifier.replaceAll('"', '""')}"`;

const escapes: Readonly<Record<string, string>> = {
  "\\": "\\\\",
  "\n": "\\n",
  "\r": "\\r",
  "\t": "\\t",
  "\b": "\\b",
  "\f": "\\f",
  "\v": "\\v",
};

const asCopied = (value: string | null) =>
  value === null
    ? "\\N"
    : value.replace(/[\\\n\r\t\f\v]|[\b]/g, (character) => escapes[character] ?? character);
