import { Form, Link } from "@remix-run/react";
import type { ReactNode } from "react";
import { useWords } from "../components/render-context";
import type { Catalog } from "../messages/catalog";

export function PageHeading(props: {
  children: ReactNode;
  above?: ReactNode;
  below?: ReactNode;
  action?: ReactNode;
}) {
  return (
    <div className="flex flex-wrap items-end justify-between gap-x-6 gap-y-3">
      <div className="min-w-0">
        {props.above ? <p className="mb-1 text-sm">{props.above}</p> : null}
        <h1 className="text-2xl font-semibold wrap-anywhere sm:text-3xl">{props.children}</h1>
        {props.below ? <p className="mt-1 text-muted">{props.below}</p> : null}
      </div>
      {props.action}
    </div>
  );
}

export function Empty({ heading, children }: { heading: string; children?: ReactNode }) {
  return (
    <div className="px-5 py-12 text-center wrap-anywhere">
      <p className="font-semibold">{heading}</p>
      {children ? <div className="mt-1 space-y-2 text-muted">{children}</div> : null}
    </div>
  );
}

/** Views of one list, each with an address of its own. */
export function Tabs<Key extends string>(props: {
  label: string;
  tabs: readonly Key[];
  nameOf(key: Key): string;
  current: Key;
  hrefOf(key: Key): string;
}) {
  return (
    <nav aria-label={props.label} className="-mx-1 max-w-full overflow-x-auto">
      <ul className="flex gap-1 px-1 pb-1">
        {props.tabs.map((key) => (
          <li key={key}>
            <Link
              to={props.hrefOf(key)}
              aria-current={key === props.current ? "page" : undefined}
              className="block rounded-lg px-3 py-1.5 text-sm font-semibold whitespace-nowrap text-muted hover:bg-card hover:text-ink aria-[current]:bg-card aria-[current]:text-ink aria-[current]:shadow-sm"
            >
              {props.nameOf(key)}
            </Link>
          </li>
        ))}
      </ul>
    </nav>
  );
}

/** The search of a list, whose address says all of it. @param props.children what else is chosen there */
export function SearchForm(props: {
  action: string;
  className: string;
  inputClassName: string;
  label: string;
  hint: string;
  search: string;
  maxLength?: number;
  /** What stays as it is in the address. */
  kept: Readonly<Record<string, string | undefined>>;
  children?: ReactNode;
}) {
  const words = useWords();
  return (
    <Form method="get" action={props.action} role="search" className={props.className}>
      {Object.entries(props.kept).map(([name, value]) =>
        value ? <input key={name} type="hidden" name={name} value={value} /> : null,
      )}
      <input
        className={`input ${props.inputClassName}`}
        type="search"
        name="q"
        aria-label={props.label}
        placeholder={props.hint}
        defaultValue={props.search}
        maxLength={props.maxLength ?? 200}
      />
      {props.children}
      <button type="submit" className="button button-quiet">
        {words("console.shared.search")}
      </button>
    </Form>
  );
}

/** The table of a list: a row is a card on a phone, where each cell says its column by `data-label`. */
export function GridTable(props: {
  columns: readonly (keyof Catalog["console"]["column"])[];
  children: ReactNode;
}) {
  const words = useWords();
  return (
    <table className="grid-table">
      <thead>
        <tr>
          {props.columns.map((column) => (
            <th key={column} scope="col">
              {words(`console.column.${column}`)}
            </th>
          ))}
        </tr>
      </thead>
      <tbody>{props.children}</tbody>
    </table>
  );
}
