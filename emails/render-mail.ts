import { render, toPlainText } from "@react-email/components";
import type { Brand } from "../app/config/config.server";
import { wordsIn } from "../app/messages/catalogs.server";
import type { Language } from "../app/messages/languages";
import type { MailTemplate } from "../db/mails.store";
import { type MailProps, oneLine } from "./mail-content";
import { linkChangedMail } from "./templates/link-changed-mail";
import { linkMail } from "./templates/link-mail";
import { linkProblemMail } from "./templates/link-problem-mail";
import type { MailWording } from "./templates/mail-template";
import { passwordSetMail } from "./templates/password-set-mail";
import { resetConfirmMail } from "./templates/reset-confirm-mail";
import { resetDigestMail } from "./templates/reset-digest-mail";

export interface RenderedMail {
  /** One line. */
  readonly subject: string;
  readonly html: string;
  readonly text: string;
}

const wordings: { [Template in MailTemplate]: MailWording<Template> } = {
  link: linkMail,
  "link-changed": linkChangedMail,
  "password-set": passwordSetMail,
  "link-problem": linkProblemMail,
  "reset-confirm": resetConfirmMail,
  "reset-digest": resetDigestMail,
};

/** @returns the mail in HTML and in plain text, from the same words, in its reader's language */
export async function renderMail<Template extends MailTemplate>(
  template: Template,
  props: MailProps[Template],
  brand: Brand,
  language: Language,
): Promise<RenderedMail> {
  const wording = wordings[template];
  const letter = { brand, language, words: wordsIn(language) };
  // React 18 leaves zeros at the end of a chunk where a letter of several bytes did not fit.
  const html = (await render(wording.body(props, letter))).replaceAll("\0", "");
  const text = toPlainText(html, {
    selectors: [{ selector: "h1", options: { uppercase: false } }],
  });
  return {
    subject: oneLine(wording.subject(props, letter)),
    html,
    text: `${text.replace(/\n{3,}/g, "\n\n").trim()}\n`,
  };
}
