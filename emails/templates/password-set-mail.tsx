import { utcTime } from "../mail-content";
import { ActionButton, Facts, Paragraph, PlainAddress, strong, TellAtOnce } from "./layout";
import type { MailWording } from "./mail-template";

/** Tells the owner of the account, who is the only one to notice if it was somebody else. */
export const passwordSetMail: MailWording<"password-set"> = {
  name: "passwordSet",
  audience: "user",
  body: (props, letter) => {
    const { brand, words, language } = letter;
    return (
      <>
        <Facts
          words={words}
          facts={[
            [words("mail.fact.userName"), props.userName],
            [words("mail.fact.domain"), props.domainName],
            [words("mail.fact.setOn"), props.at && utcTime(props.at, language)],
          ]}
        />
        {brand.dashboardUrl ? (
          <>
            <Paragraph>{words("mail.passwordSet.signIn")}</Paragraph>
            <ActionButton href={brand.dashboardUrl}>
              {words("mail.passwordSet.action")}
            </ActionButton>
            <PlainAddress href={brand.dashboardUrl} />
          </>
        ) : null}
        <Paragraph>
          {words.rich("mail.passwordSet.notYou", { strong })} <TellAtOnce letter={letter} />
        </Paragraph>
      </>
    );
  },
};
