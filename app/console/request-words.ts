/** Said to whoever would close a request and lacks the role. */
export const CLOSING_TAKES_ADMIN =
  "Closing requests takes the role admin, because they name no account that Keystone could be asked about. Nothing was changed. You can answer those of accounts that you may change.";
