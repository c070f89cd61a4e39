import { Link } from "@remix-run/react";

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
