import { type RefObject, useEffect, useState } from "react";
import type { AccountCheck } from "../accounts/check-account.server";
import { useWords } from "../components/render-context";
import { looksLikeEmail } from "../links/email-address";
import type { Words } from "../messages/words";

export const CHECK_PATH = "/admin/users/new/check";

/** What was asked, and what Keystone says of it. */
export interface CheckAnswer extends AccountCheck {
  readonly asked: Asked;
}

/** By the names of the address and of the form. */
type Asked = Record<"user_name" | "domain" | "project_name", string>;

const STILL_MS = 400;

export type AccountNotes = Partial<Record<"user_name" | "email" | "domain" | "project_name", Note>>;

interface Note {
  readonly tone: "good" | "bad" | "muted";
  readonly text: string;
}

/**
 * Looks up, while a form is filled in, what Keystone has of it already. A convenience: without it, the same
 * is said where the form was sent.
 */
export function useAccountNotes(form: RefObject<HTMLFormElement | null>): AccountNotes {
  const words = useWords();
  const [check, setCheck] = useState<CheckAnswer>();
  const [typed, setTyped] = useState<Asked & { email: string; projectFrom: string }>();
  useEffect(() => {
    const element = form.current;
    if (!element) return;
    let timer: ReturnType<typeof setTimeout> | undefined;
    let last = "";
    let asking: AbortController | undefined;
    const read = () => {
      const fields = new FormData(element);
      const text = (name: string) => String(fields.get(name) ?? "").trim();
      const projectFrom = text("project_from");
      const asked: Asked = {
        user_name: text("user_name"),
        domain: text("domain"),
        project_name: projectFrom === "none" ? "" : text("project_name"),
      };
      // Half typed is not wrong yet: that shows on leaving the field.
      const isTyping = (document.activeElement as HTMLInputElement | null)?.name === "email";
      setTyped({ ...asked, email: isTyping ? "" : text("email"), projectFrom });
      const query = new URLSearchParams(asked).toString();
      if (query === last) return;
      last = query;
      asking?.abort();
      asking = new AbortController();
      void askServer(query, asking.signal).then((answer) => answer && setCheck(answer));
    };
    const soon = () => {
      clearTimeout(timer);
      timer = setTimeout(read, STILL_MS);
    };
    // What was typed before the script was there counts as well.
    soon();
    element.addEventListener("input", soon);
    element.addEventListener("focusout", soon);
    return () => {
      clearTimeout(timer);
      asking?.abort();
      element.removeEventListener("input", soon);
      element.removeEventListener("focusout", soon);
    };
  }, [form]);
  return typed ? notesOf(words, typed, check) : {};
}

/**
 * Not by a fetcher of Remix's: that one first looks for the route, and takes it for lost where the form is
 * sent meanwhile.
 *
 * @returns undefined where there is no answer: the form itself says why, once it is sent
 */
async function askServer(query: string, signal: AbortSignal): Promise<CheckAnswer | undefined> {
  try {
    const answer = await fetch(`${CHECK_PATH}?${query}`, { signal, redirect: "error" });
    return answer.ok ? ((await answer.json()) as CheckAnswer) : undefined;
  } catch {
    return undefined;
  }
}

function notesOf(
  words: Words,
  typed: Asked & { email: string; projectFrom: string },
  check: CheckAnswer | undefined,
): AccountNotes {
  const notes: AccountNotes = {};
  if (typed.email !== "" && !looksLikeEmail(typed.email))
    notes.email = { tone: "bad", text: words("shared.notAnEmail") };
  if (!check?.asked || check.asked.domain !== typed.domain) return notes;
  const { user, domain, project } = check;
  if (domain === "disabled" || domain === "read-only")
    notes.domain = { tone: "bad", text: words(`console.newAccount.check.domain.${domain}`) };
  if (check.asked.user_name === typed.user_name && user !== "unknown") {
    const tone = user === "free" ? "good" : user === "begun" ? "muted" : "bad";
    notes.user_name = { tone, text: words(`console.newAccount.check.user.${user}`) };
  }
  if (check.asked.project_name === typed.project_name && project !== "unknown") {
    const fits = (project === "there") === (typed.projectFrom === "existing");
    const tone = project !== "disabled" && fits ? "good" : "bad";
    notes.project_name = { tone, text: words(`console.newAccount.check.project.${project}`) };
  }
  return notes;
}

const COLOURS = { good: "text-good", bad: "text-bad", muted: "text-muted" } as const;

/** Said below a field, and read out where it changes; the place is there before there is anything to say. */
export function FieldNote(props: { note: Note | undefined; error: string | undefined }) {
  const { error } = props;
  // What was sent is said to be wrong already; that what is typed now is right, is news.
  const note = error && props.note?.tone === "bad" ? undefined : props.note;
  return (
    <p role="status" className={`text-sm ${note ? `mt-1.5 ${COLOURS[note.tone]}` : ""}`}>
      {note?.text}
    </p>
  );
}
