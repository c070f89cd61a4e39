import { utcTime } from "../mail-content";
import {
  ActionButton,
  AskSupport,
  Divider,
  Facts,
  Note,
  Paragraph,
  PlainAddress,
  strong,
} from "./layout";
import type { MailWording } from "./mail-template";

/** Its reader may never have asked for anything: then doing nothing has to be right. */
export const resetConfirmMail: MailWording<"reset-confirm"> = {
  name: "resetConfirm",
  audience: "user",
  body: (props, letter) => {
    const { words, language } = letter;
    return (
      <>
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
      </>
    );
  },
};
