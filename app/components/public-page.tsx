import { useActionData, useRouteError } from "@remix-run/react";
import type { ReactNode } from "react";
import { LanguageSwitch } from "./language-switch";
import { Mark } from "./mark";
import { useBrand, useWords } from "./render-context";

/**
 * The frame of what people without a session see: the service's name, the page, whom to ask.
 *
 * @param props.token what the page's address needs to come again in another language
 */
export function PublicPage({ children, token }: { children: ReactNode; token?: string }) {
  const { appName, supportContact } = useBrand();
  const answer = useActionData();
  const error = useRouteError();
  // What answers a form would not come again, and what went wrong is not asked for again.
  const comesAgain = answer === undefined && !error;
  return (
    <div className="mx-auto flex min-h-dvh max-w-4xl flex-col px-5 sm:px-8">
      <header className="flex items-center gap-2.5 pt-7 pb-8 sm:pt-10 sm:pb-12">
        <Mark className="size-6 text-accent" />
        <span className="text-lg font-semibold tracking-tight">{appName}</span>
      </header>
      <main className="grow">{children}</main>
      <footer className="flex flex-wrap items-center justify-between gap-x-8 gap-y-3 pt-14 pb-8 text-sm text-muted">
        {supportContact ? (
          <p>
            <AskSupport text="shared.questions" />
          </p>
        ) : null}
        {comesAgain ? <LanguageSwitch token={token} /> : null}
      </footer>
    </div>
  );
}

/** What the page is for on the left, its form on the right; one below the other on a phone. */
export function FormSplit({ intro, children }: { intro: ReactNode; children: ReactNode }) {
  return (
    <div className="grid gap-8 md:grid-cols-[minmax(0,1fr)_minmax(0,26rem)] md:gap-14">
      <div>{intro}</div>
      <div>{children}</div>
    </div>
  );
}

/** The heading of a page without a session, and the sentence below it. */
export function Intro({ heading, children }: { heading: string; children: ReactNode }) {
  return (
    <>
      <h1 className="text-3xl font-semibold sm:text-4xl">{heading}</h1>
      <p className="mt-3 max-w-lg text-lg text-muted">{children}</p>
    </>
  );
}

/** A sentence that names whom to ask; nothing where there is nobody. */
export function AskSupport({ text }: { text: "shared.questions" | "shared.keepComing" }) {
  const words = useWords();
  const { supportContact: contact } = useBrand();
  if (!contact) return null;
  return words.rich(text, { contact, link: () => <SupportContact contact={contact} /> });
}

/** Whom to ask: a link where it is a mail or web address, else its words. */
function SupportContact({ contact }: { contact: string }) {
  const href = /^[^\s@<>"]+@[^\s@<>"]+\.[^\s@<>"]+$/.test(contact)
    ? `mailto:${contact}`
    : /^https?:\/\/\S+$/.test(contact)
      ? contact
      : undefined;
  return href ? (
    <a className="link wrap-anywhere" href={href}>
      {contact}
    </a>
  ) : (
    contact
  );
}
