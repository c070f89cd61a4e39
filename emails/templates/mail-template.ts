import type { ReactElement } from "react";
import type { Brand } from "../../app/config/config.server";
import type { MailTemplate } from "../../db/mails.store";
import type { MailProps } from "../mail-content";

/** How one kind of mail is worded: the same words become HTML and plain text. */
export interface MailWording<Template extends MailTemplate> {
  /** One line without secrets. */
  subject(props: MailProps[Template], brand: Brand): string;
  body(props: MailProps[Template], brand: Brand): ReactElement;
}
