import { Link } from "@remix-run/react";
import type { ReactNode } from "react";
import { useWords } from "../components/render-context";
import type { ResetRequestSummary } from "../reset-requests/handle-requests.server";
import { userListHref } from "./addresses";

export const List = ({ children }: { children: ReactNode }) => (
  <ul className="card divide-y divide-line">{children}</ul>
);

/** @param props.find whether to lead on to answering it by itself */
export function Item(props: {
  request: ResetRequestSummary;
  find?: boolean;
  children?: ReactNode;
}) {
  const words = useWords();
  const { request, find, children } = props;
  return (
    <li className="flex flex-wrap items-baseline justify-between gap-x-4 gap-y-1 px-4 py-3 sm:px-5">
      <span className="min-w-0">
        <span className="font-semibold wrap-anywhere">{request.name}</span>{" "}
        {request.code ? <span className="font-mono whitespace-nowrap">{request.code}</span> : null}
        <span className="block text-sm wrap-anywhere text-muted">{request.email}</span>
        {children ? <span className="block text-sm">{children}</span> : null}
      </span>
      {find && request.state === "open" ? (
        <Link
          className="link text-sm whitespace-nowrap"
          to={userListHref({ search: request.name, requestId: request.id })}
        >
          {words("console.requests.findUser")}
        </Link>
      ) : null}
    </li>
  );
}
