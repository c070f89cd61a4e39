import { utcTime } from "../mail-content";
import {
  ActionButton,
  Anchor,
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

/**
 * The hand-over, for a new account as for a lost password. Its reader has often never seen OpenStack, and
 * reads it on a phone.
 */
export const linkMail: MailWording<"link"> = {
  subject: (_props, { brand, words }) => words("mail.link.subject", { appName: brand.appName }),
  body: (props, letter) => {
    const { brand, words, language } = letter;
    const { appName, dashboardUrl } = brand;
    return (
      <MailLayout
        letter={letter}
        audience="user"
        heading={words("mail.link.heading")}
        preview={words("mail.link.preview")}
      >
        <Paragraph>{words("mail.link.intro", { appName })}</Paragraph>
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
      </MailLayout>
    );
  },
};
