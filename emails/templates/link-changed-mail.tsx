import type { ChangeToTell } from "../../db/link-row";
import { utcTime } from "../mail-content";
import { Facts, MailLayout, Paragraph, strong, TellAtOnce } from "./layout";
import type { MailWording } from "./mail-template";

const SENTENCES = {
  "pin-replaced": "mail.linkChanged.pin",
  "recipient-changed": "mail.linkChanged.recipient",
} as const satisfies Record<ChangeToTell, string>;

/** Tells the owner of the account, at the addresses that are known for theirs. It holds no link. */
export const linkChangedMail: MailWording<"link-changed"> = {
  subject: (_props, { brand, words }) =>
    words("mail.linkChanged.subject", { appName: brand.appName }),
  body: (props, letter) => {
    const { brand, words, language } = letter;
    return (
      <MailLayout
        letter={letter}
        audience="user"
        heading={words("mail.linkChanged.heading")}
        preview={words("mail.linkChanged.preview")}
      >
        <Paragraph>{words("mail.linkChanged.intro", { appName: brand.appName })}</Paragraph>
        {props.changes.map((change) => (
          <Paragraph key={change}>{words(SENTENCES[change])}</Paragraph>
        ))}
        <Facts
          words={words}
          facts={[
            [words("mail.fact.userName"), props.userName],
            [words("mail.fact.domain"), props.domainName],
            [words("mail.fact.changedOn"), utcTime(props.at, language)],
          ]}
        />
        <Paragraph>{words("mail.linkChanged.expected")}</Paragraph>
        <Paragraph>
          {words.rich("mail.linkChanged.unexpected", { strong })} <TellAtOnce letter={letter} />
        </Paragraph>
      </MailLayout>
    );
  },
};
