import { utcTime } from "../mail-content";
import {
  ActionButton,
  Anchor,
  AskSupport,
  Divider,
  Facts,
  Note,
  Paragraph,
  PlainAddress,
  strong,
} from "./layout";
import type { MailWording } from "./mail-template";

/**
 * The hand-over, for a new account as for a lost password. Its reader has often never seen OpenStack, and
 * reads it on a phone.
 */
export const linkMail: MailWording<"link"> = {
  name: "link",
  audience: "user",
  values: ({ isReminder }) => ({ reminder: isReminder ? "yes" : "no" }),
  body: (props, letter) => {
    const { words, language } = letter;
    const { dashboardUrl } = letter.brand;
    return (
      <>
        <Facts
          words={words}
          facts={[
            [words("mail.fact.userName"), props.userName],
            [words("mail.fact.domain"), props.domainName],
          ]}
        />
        <ActionButton href={props.url}>{words("mail.link.action")}</ActionButton>
        <Note>{words("mail.link.orCopy")}</Note>
        <PlainAddress href={props.url} />
        <Paragraph>{words.rich("mail.link.pin", { digits: props.pinLength, strong })}</Paragraph>
        <Paragraph>
          {words.rich("mail.link.until", { until: utcTime(props.expiresAt, language), strong })}
        </Paragraph>
        <Divider />
        {dashboardUrl ? (
          <Note>
            {words.rich("mail.link.signIn", {
              url: dashboardUrl,
              link: () => <Anchor href={dashboardUrl}>{dashboardUrl}</Anchor>,
            })}
          </Note>
        ) : null}
        <Note>
          {words("mail.link.never")} <AskSupport letter={letter} text="mail.link.tell" />
        </Note>
      </>
    );
  },
};
