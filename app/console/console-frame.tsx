import { Form, Link, useLocation, useNavigation } from "@remix-run/react";
import type { ReactNode } from "react";
import { LanguageSwitch } from "../components/language-switch";
import { Mark } from "../components/mark";
import { useBrand, useWords } from "../components/render-context";
import { hidden } from "./text-elements";

/** The frame of every console page, also of those that went wrong. */
export function ConsoleFrame(props: {
  /** Undefined where it is not known: the page went wrong. */
  admin?: { userName: string; userDomainName: string };
  openRequests?: number;
  children: ReactNode;
}) {
  const { admin, openRequests = 0 } = props;
  const { appName } = useBrand();
  const words = useWords();
  const { state } = useNavigation();
  return (
    <>
      <a
        href="#main"
        className="sr-only focus:not-sr-only focus:fixed focus:top-2 focus:start-2 focus:z-20 focus:rounded-lg focus:bg-card focus:px-4 focus:py-2"
      >
        {words("console.frame.toContent")}
      </a>
      {state === "idle" ? null : <div className="progress" aria-hidden="true" />}
      <header className="border-b border-line bg-card">
        <div className="mx-auto flex max-w-6xl flex-wrap items-center gap-x-8 px-4 sm:px-6">
          <a href="/admin" className="flex items-center gap-2.5 py-3.5">
            <Mark className="size-5 text-accent" />
            <span className="font-semibold tracking-tight">{appName}</span>
          </a>
          <nav
            aria-label={words("console.frame.label")}
            className="order-last -mx-2 w-full sm:order-none sm:w-auto"
          >
            <ul className="flex">
              <ConsoleLink to="/admin" below="/admin/links">
                {words("console.title.links")}
              </ConsoleLink>
              <ConsoleLink to="/admin/users" below="/admin/users">
                {words("console.title.users")}
              </ConsoleLink>
              <ConsoleLink to="/admin/requests" below="/admin/requests">
                {words("console.title.requests")}
                {openRequests > 0 ? (
                  <span className="ms-1.5 rounded-full bg-accent-soft px-2 py-0.5 text-xs text-accent tabular-nums">
                    {words.rich("console.frame.openRequests", { count: openRequests, hidden })}
                  </span>
                ) : null}
              </ConsoleLink>
            </ul>
          </nav>
          <div className="ms-auto min-w-0">{admin ? <Account {...admin} /> : null}</div>
        </div>
      </header>
      <main id="main" tabIndex={-1} className="mx-auto max-w-6xl px-4 py-8 sm:px-6 sm:py-10">
        {props.children}
      </main>
      <footer className="mx-auto max-w-6xl px-4 pb-8 sm:px-6">
        <LanguageSwitch />
      </footer>
    </>
  );
}

function Account(props: { userName: string; userDomainName: string }) {
  const words = useWords();
  return (
    <Form method="post" action="/admin/sign-out" className="flex items-center gap-3 text-sm">
      <span
        className="min-w-0 truncate text-muted"
        title={words("console.shared.domain", { name: props.userDomainName })}
      >
        {words.rich("console.frame.signedInAs", { name: props.userName, hidden })}
      </span>
      <button type="submit" className="link font-semibold whitespace-nowrap">
        {words("console.frame.signOut")}
      </button>
    </Form>
  );
}

/** @param props.below the addresses that belong to this entry as well */
function ConsoleLink(props: { to: string; below: string; children: ReactNode }) {
  const { pathname } = useLocation();
  const here = pathname === props.to || `${pathname}/`.startsWith(`${props.below}/`);
  return (
    <li>
      <Link
        to={props.to}
        aria-current={here ? "page" : undefined}
        className="block border-b-2 border-transparent px-2 py-3 font-medium text-muted hover:text-ink aria-[current]:border-accent aria-[current]:text-ink sm:px-3 sm:py-4"
      >
        {props.children}
      </Link>
    </li>
  );
}
