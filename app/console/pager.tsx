import { Link } from "@remix-run/react";

/**
 * Which part of a list one sees, and the ways to the next and the last one.
 *
 * @param props.hrefOf the address of a page, by its number from 1
 */
export function Pager(props: {
  page: number;
  pageSize: number;
  total: number;
  hrefOf(page: number): string;
}) {
  const { page, pageSize, total, hrefOf } = props;
  const pages = lastPage(total, pageSize);
  const first = (page - 1) * pageSize + 1;
  const last = Math.min(total, page * pageSize);
  return (
    <nav
      aria-label="Pages"
      className="flex flex-wrap items-center justify-between gap-3 px-1 pt-4 text-sm"
    >
      <p className="text-muted tabular-nums">
        {total === 0 ? null : first > total ? `${total} in all` : `${first}–${last} of ${total}`}
      </p>
      {pages > 1 || page > 1 ? (
        <ul className="flex items-center gap-2">
          <li>
            <Step to={page > 1 ? hrefOf(Math.min(page - 1, pages)) : undefined} rel="prev">
              Previous
            </Step>
          </li>
          <li className="px-2 text-muted tabular-nums">
            Page {page} of {pages}
          </li>
          <li>
            <Step to={page < pages ? hrefOf(page + 1) : undefined} rel="next">
              Next
            </Step>
          </li>
        </ul>
      ) : null}
    </nav>
  );
}

function Step(props: { to: string | undefined; rel: "prev" | "next"; children: string }) {
  return props.to ? (
    <Link className="button button-quiet text-sm" to={props.to} rel={props.rel}>
      {props.children}
    </Link>
  ) : (
    <span className="px-4 py-2 text-muted opacity-60" aria-disabled="true">
      {props.children}
    </span>
  );
}

/** @returns the number of a list's last page, 1 where the list is empty */
export const lastPage = (total: number, pageSize: number): number =>
  Math.max(1, Math.ceil(total / pageSize));

/** @param text the `page` of an address @returns a number from 1 to 100000, 1 where it is none */
export function readPage(text: string | null): number {
  return text !== null && /^[1-9]\d{0,4}$/.test(text) ? Number(text) : 1;
}
