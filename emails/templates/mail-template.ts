import type { ReactElement } from "react";
import type { Brand } from "../../app/config/config.server";
import type { Language } from "../../app/messages/languages";
import type { Words } from "../../app/messages/words";
import type { MailTemplate } from "../../db/mails.store";
import type { MailProps } from "../mail-content";

/** Who writes, and in which language. */
export interface Letter {
  readonly brand: Brand;
  readonly language: Language;
  readonly words: Words;
}

/** How one kind of mail is worded: the same words become HTML and plain text. */
export interface MailWording<Template extends MailTemplate> {
  /** One line without secrets. */
  subject(props: MailProps[Template], letter: Letter): string;
  body(props: MailProps[Template], letter: Letter): ReactElement;
}
