/** Variables that say who logs in to a server: where one of them is set, the file's own credentials do not count. */

/** The login of an HTTP store. */
export const LOGIN_VARIABLES: readonly string[] = ["AGENT", "RESTIC"].flatMap((program) =>
  ["USERNAME", "PASSWORD"].map((part) => `${program}_REST_${part}`)
);

/** Whose keys are used on S3, by whichever means. */
export const S3_KEY_VARIABLES: readonly string[] = [
  "AWS_ACCESS_KEY_ID",
  "AWS_SECRET_ACCESS_KEY",
  "AWS_SESSION_TOKEN",
  "AWS_PROFILE",
  "AWS_DEFAULT_PROFILE",
  "AWS_WEB_IDENTITY_TOKEN_FILE",
  "AWS_ROLE_ARN",
  "AWS_ROLE_SESSION_NAME",
  "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI",
  "AWS_CONTAINER_CREDENTIALS_FULL_URI",
  "AWS_CONTAINER_AUTHORIZATION_TOKEN",
  "AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE",
];
