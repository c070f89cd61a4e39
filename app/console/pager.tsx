import { Link } from "@remix-run/react";
import type { ReactNode } from "react";
import { useWords } from "../components/render-context";
import { lastPage } from "./addresses";

/** Which part of a list one sees, and the ways to the next and the last one. */
export function Pager(props: {
  page: number;
  pageSize: number;
  total: number;
  hrefOf(page: number): string;
}) {
  const words = useWords();
  const { page, pageSize, total, hrefOf } = props;
  const pages = lastPage(total, pageSize);
  const first = (page - 1) * pageSize + 1;
  const last = Math.min(total, page * pageSize);
  return (
    <Steps
      told={
        total === 0
          ? null
          : first > total
            ? words("console.pager.all", { count: total })
            : words("console.pager.range", { first, last, total })
      }
      previous={page > 1 ? hrefOf(Math.min(page - 1, pages)) : undefined}
      next={page < pages ? hrefOf(page + 1) : undefined}
    >
      {words("console.pager.page", { page, pages })}
    </Steps>
  );
}

/**
 * How many there are in a list, and the ways to the pages beside this one.
 *
 * @param props.count `number`, or more than that where it is not exact
 */
export function PlacePager(props: {
  count: { number: number; exact: boolean };
  previous: string | undefined;
  next: string | undefined;
}) {
  const words = useWords();
  const { previous, next } = props;
  const { number: count, exact } = props.count;
  return (
    <Steps
      told={
        count === 0
          ? null
          : exact
            ? words("console.pager.all", { count })
            : words("console.pager.moreThan", { count })
      }
      previous={previous}
      next={next}
    />
  );
}

function Steps(props: {
  told: string | null;
  previous: string | undefined;
  next: string | undefined;
  children?: ReactNode;
}) {
  const words = useWords();
  const { told, previous, next, children } = props;
  return (
    <nav
      aria-label={words("console.pager.label")}
      className="flex flex-wrap items-center justify-between gap-3 px-1 pt-4 text-sm"
    >
      <p className="text-muted tabular-nums">{told}</p>
      {previous || next ? (
        <ul className="flex items-center gap-2">
          <li>
            <Step to={previous} rel="prev">
              {words("console.pager.previous")}
            </Step>
          </li>
          {children ? <li className="px-2 text-muted tabular-nums">{children}</li> : null}
          <li>
            <Step to={next} rel="next">
              {words("console.pager.next")}
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
