/** Made of en.json by `npm run messages`. */
export type Catalog = {
  "shared": {
    "fixFields": "{count, plural, one {Fix this field} other {Fix these fields}}",
    "questions": "Questions? Contact <link>{contact}</link>.",
    "tooManyAttempts": "Too many attempts. Wait {seconds, plural, one {# second} other {# seconds}}, then try again."
  },
  "time": {
    "justNow": "just now",
    "inAMoment": "in a moment"
  },
  "error": {
    "heading": {
      "400": "This request could not be read",
      "403": "Not allowed",
      "404": "Page not found",
      "405": "This page does not support that",
      "413": "That was too large",
      "415": "That was not a form",
      "429": "Too many attempts",
      "500": "Something went wrong",
      "503": "Temporarily unavailable"
    },
    "advice": {
      "400": "Part of the URL or the form is invalid. Go back and try again.",
      "403": "Reload the page from its own URL, then send the form again.",
      "404": "Check the URL. If you came to set a password, open the link in your email again, or <reset>request a new link</reset>.",
      "405": "It does not accept requests of this kind. <home>Go to the start page</home>.",
      "413": "A form may hold up to 64 KiB. Go back and send less.",
      "415": "Send it as application/x-www-form-urlencoded.",
      "429": "Wait a minute, then try again. Nothing was changed.",
      "500": "This is not your fault, and nothing you entered was saved. Try again. If the problem persists, contact your administrator and quote the reference below.",
      "503": "A service that this page depends on is not responding. Wait a moment, then try again."
    },
    "portal": {
      "400": "Part of the URL or the form is invalid. Open the link in your email again.",
      "403": "The form was not sent from its own page, so nothing was changed. Open the link in your email again.",
      "500": "This is not your fault, and nothing you entered was saved. Open the link in your email again. If the problem persists, contact your administrator and quote the reference below.",
      "503": "A service that this page depends on is not responding. Wait a moment, then open the link in your email again. Sending the form twice does no harm."
    },
    "code": {
      "databaseAway": "The database is not responding. Try again in a moment; sending the form twice does no harm.",
      "notUtf8": "The form is not UTF-8 text.",
      "cutShort": "The form did not arrive in full."
    },
    "reference": "Reference for your administrator:"
  },
  "portal": {
    "userName": "User name",
    "domain": "Domain",
    "requestLink": "Request a new link",
    "signIn": "Sign in to {appName}",
    "form": {
      "heading": "Choose your password",
      "titleAgain": "Not set yet: choose your password",
      "intro": "Your account at {appName} is ready. Enter your PIN to show that it is yours, then choose a password that only you know.",
      "notSet": "Your password has not been set yet",
      "pin": "PIN",
      "pinHint": "The {digits, number} digits you chose when you registered or requested this link.",
      "pinFormat": "The PIN has exactly {digits, number} digits.",
      "password": "New password",
      "confirm": "Confirm new password",
      "match": "The same password, entered twice.",
      "show": "Show",
      "hide": "Hide",
      "showPasswords": "Show passwords",
      "hidePasswords": "Hide passwords",
      "met": "(done)",
      "notMet": "(not yet)",
      "submit": "Set password",
      "submitting": "Setting your password…",
      "strengthAdvice": "Several words are hard to guess and easy to remember."
    },
    "strength": {
      "weak": "Easy to guess.",
      "fair": "Could be better.",
      "good": "Good.",
      "strong": "Very good.",
      "more": "Add a few more words or characters.",
      "row": "It is a row of keys.",
      "keys": "It is a pattern on the keyboard.",
      "repeat": "It repeats one character.",
      "repeats": "It repeats a few characters.",
      "sequence": "It is a sequence, such as abc or 123.",
      "year": "It contains a year.",
      "date": "It contains a date.",
      "top": "It is one of the most common passwords.",
      "common": "It is a common password.",
      "similar": "It resembles a common password.",
      "word": "It is a single word.",
      "user": "It contains your user name."
    },
    "rule": {
      "policy": "Your cloud may have rules of its own. You will be told if it rejects the password.",
      "length": "At most {bytes, number} letters, digits and symbols. Accented letters and other scripts count as two or more."
    },
    "problem": {
      "pinEmpty": "Enter the PIN you chose when you registered or requested this link.",
      "empty": "Enter a new password.",
      "confirmEmpty": "Enter the same password again.",
      "differ": "The passwords are not the same. Enter the same one twice.",
      "tooLong": "This password is too long. The limit is {bytes, number} bytes, which is {bytes, number} plain letters and digits, or fewer with accents and other scripts.",
      "controlCharacters": "This password contains a character that cannot be typed, such as a tab or a line break. Remove it.",
      "policy": "This password does not follow the rules: {description}",
      "policyUnknown": "This password does not follow the rules of your cloud."
    },
    "refusal": {
      "malformedPin": "The PIN has exactly {digits, number} digits. This did not count as an attempt.",
      "wrongPin": "Wrong PIN. You have {count, plural, one {# attempt} other {# attempts}} left.",
      "dead": {
        "heading": "This link does not work",
        "message": "It has already been used, or a newer one has replaced it."
      },
      "locked": {
        "heading": "This link is locked",
        "message": "The wrong PIN was entered too many times, so the link no longer works."
      },
      "expired": {
        "heading": "This link has expired",
        "message": "Your PIN was correct, but the link has expired. Your password was not set."
      },
      "inProgress": {
        "heading": "Your password is already being set",
        "message": "This form was sent twice, and the first one is still being processed. Wait a few seconds, then try to sign in. If that fails, send the form again."
      },
      "superseded": {
        "heading": "An administrator has just changed this link",
        "message": "Your password reached the cloud at the same moment, so it may or may not have been set. Try to sign in with it. If that fails, look for a newer email."
      },
      "unavailable": {
        "heading": "The cloud is not responding",
        "message": "Your link still works, and this did not count as an attempt. Wait {seconds, plural, one {# second} other {# seconds}}, then send the form again."
      },
      "tooMany": {
        "heading": "Too many attempts",
        "message": "Too many links from your network did not work. Wait {seconds, plural, one {# second} other {# seconds}}, then open the link in your email again."
      },
      "stale": {
        "heading": "Your account has changed since this link was made",
        "message": "Your password could not be set. Contact your administrator, who can send you a new link."
      },
      "disabled": {
        "heading": "Your account is disabled",
        "message": "Your password could not be set. Contact your administrator. Once the account is enabled, open this link again."
      },
      "accountLocked": {
        "heading": "Your account is temporarily locked",
        "message": "There were too many failed sign-ins, so your password could not be set. The account unlocks by itself after some time; then open this link again. If you cannot wait, contact your administrator."
      },
      "passwordLocked": {
        "heading": "This account's password cannot be changed",
        "message": "Your password could not be set. Contact your administrator."
      },
      "outdated": {
        "heading": "This link must be renewed",
        "message": "It was made before an upgrade, so your password could not be set. Contact your administrator. Your PIN stays the same."
      },
      "readOnly": {
        "heading": "This account's password is stored elsewhere",
        "message": "It cannot be set here. Contact your administrator."
      }
    },
    "set": {
      "heading": "Password set",
      "intro": "Your account at {appName} is now yours. The link no longer works.",
      "signInWith": "Sign in with",
      "userAndPassword": "your user name and your new password.",
      "signInNow": "You can sign in to {appName} right away with your new password."
    },
    "end": {
      "alreadySet": "Have you already set your password?",
      "done": "Then you are done. Sign in to {appName} with your user name and that password.",
      "notYet": "Not yet?",
      "newest": "If you have several emails from us, open the link in the newest one. If that does not work either, request a new link."
    },
    "none": {
      "heading": "Open the link in your email",
      "intro": "New users of {appName} choose their password here. This page opens only from the link you were sent.",
      "reloaded": "Were you just on that page?",
      "reloadedAdvice": "Reloading leads here, because the link is kept out of the address bar. Open it from your email again: it works until you have set your password.",
      "noEmail": "No email, or the link does not work? <reset>Request a new link</reset>."
    }
  }
};
