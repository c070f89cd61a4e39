import { convert } from "html-to-text";
import { renderToStaticMarkup } from "react-dom/server";
import type { Brand } from "../app/config/config.server";
import { wordsIn } from "../app/messages/catalogs.server";
import type { Language } from "../app/messages/languages";
import type { MailTemplate } from "../db/mails.store";
import { type MailProps, oneLine } from "./mail-content";
import { MailLayout } from "./templates/layout";
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

/** What mail clients go by to take the HTML for the one that is written here. */
const DOCTYPE =
  '<!DOCTYPE html PUBLIC "-//W3C//DTD XHTML 1.0 Transitional//EN" "http://www.w3.org/TR/xhtml1/DTD/xhtml1-transitional.dtd">';

/** @returns the mail in HTML and in plain text, from the same words, in its reader's language */
export async function renderMail<Template extends MailTemplate>(
  template: Template,
  props: MailProps[Template],
  brand: Brand,
  language: Language,
): Promise<RenderedMail> {
  const wording = wordings[template];
  const { name, audience } = wording;
  const words = wordsIn(language);
  const letter = { brand, language, words };
  const values = {
    appName: brand.appName,
    user: "",
    count: 0,
    reminder: "no" as const,
    ...wording.values?.(props),
  };
  const page = MailLayout({
    letter,
    audience,
    heading: words(`mail.${name}.heading`, values),
    preview: words(`mail.${name}.preview`, values),
    intro: words(`mail.${name}.intro`, values),
    children: wording.body(props, letter),
  });
  const html = DOCTYPE + renderToStaticMarkup(page);
  const text = convert(html, {
    wordwrap: false,
    selectors: [
      { selector: "img", format: "skip" },
      { selector: "[data-skip-in-text=true]", format: "skip" },
      { selector: "a", options: { linkBrackets: false, hideLinkHrefIfSameAsText: true } },
      { selector: "h1", options: { uppercase: false } },
    ],
  });
  return {
    subject: oneLine(words(`mail.${name}.subject`, values)),
    html,
    text: `${text.replace(/\n{3,}/g, "\n\n").trim()}\n`,
  };
}
