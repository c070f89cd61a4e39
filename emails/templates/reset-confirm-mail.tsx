import { utcTime } from "../mail-content";
import {
  ActionButton,
  AskSupport,
  Divider,
  Facts,
  MailLayout,
  Note,
  Paragraph,
  PlainAddress,
  strong,
} from "./layout";
import type { MailWording } from "./mail-template";

/** Its reader may never have asked for anything: then doing nothing has to be right. */
export const resetConfirmMail: MailWording<"reset-confirm"> = {
  subject: (_props, { brand, words }) =>
    words("mail.resetConfirm.subject", { appName: brand.appName }),
  body: (props, letter) => {
    const { brand, words, language } = letter;
    const { appName } = brand;
    return (
      <MailLayout
        letter={letter}
        audience="user"
        heading={words("mail.resetConfirm.heading")}
        preview={words("mail.resetConfirm.preview")}
      >
        <Paragraph>{words("mail.resetConfirm.intro", { appName })}</Paragraph>
        <Facts words={words} facts={[[words("confirm.code"), props.code]]} />
        <Paragraph>{words.rich("mail.resetConfirm.compare", { strong })}</Paragraph>
        <ActionButton href={props.url}>{words("mail.resetConfirm.action")}</ActionButton>
        <Note>{words("mail.resetConfirm.orCopy")}</Note>
        <PlainAddress href={props.url} />
        <Paragraph>
          {words.rich("mail.resetConfirm.until", {
            until: utcTime(props.expiresAt, language),
            strong,
          })}
        </Paragraph>
        <Divider />
        <Note>
          {words("mail.resetConfirm.notYou")}{" "}
          <AskSupport letter={letter} text="shared.keepComing" />
        </Note>
      </MailLayout>
    );
  },
};
