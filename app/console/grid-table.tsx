import type { ReactNode } from "react";
import { useWords } from "../components/render-context";
import type { Catalog } from "../messages/catalog";

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
