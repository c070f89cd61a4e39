import type { LoaderFunctionArgs } from "@remix-run/node";
import { Outlet, useLoaderData, useRouteError } from "@remix-run/react";
import { ErrorWordsSection } from "../components/error-page";
import { pageHeaders, type RouteHandle } from "../components/route-exports";
import { ConsoleFrame } from "../console/console-frame";
import { adminOf } from "../http/guard-console.server";
import { countOpenRequests } from "../reset-requests/handle-requests.server";

export const handle: RouteHandle = { hydrate: true };
export const headers = pageHeaders;

export async function loader({ context }: LoaderFunctionArgs) {
  const { userName, userDomainName } = adminOf(context);
  return {
    admin: { userName, userDomainName },
    openRequests: await countOpenRequests(context.services),
  };
}

export default function Console() {
  return (
    <ConsoleFrame {...useLoaderData<typeof loader>()}>
      <Outlet />
    </ConsoleFrame>
  );
}

export function ErrorBoundary() {
  return (
    <ConsoleFrame>
      <ErrorWordsSection error={useRouteError()} />
    </ConsoleFrame>
  );
}
