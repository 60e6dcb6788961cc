/** What a player tells about themselves. */
export interface Profile {
  userId: string;
  username: string;
  displayName: string;
  bio: string;
  locale: string;
  /** 0 for a profile that is not stored yet. */
  revision: bigint;
  createTime: Date | undefined;
  updateTime: Date | undefined;
  lastLoginTime: Date | undefined;
}

/** The fields that a player may change. */
export type ProfileChange = Partial<Pick<Profile, "displayName" | "bio" | "locale">>;

/** The profile of a player who has told nothing yet. */
export function newProfile(userId: string, username: string): Profile {
  return {
    userId,
    username,
    displayName: username,
    bio: "",
    locale: "",
    revision: 0n,
    createTime: undefined,
    updateTime: undefined,
    lastLoginTime: undefined,
  };
}

/**
 * The fields of `wanted` that `paths` name, tidied: no white space around, and no control characters, which could forge what others see.
 *
 * @throws RangeError when the display name is empty.
 */
export function changeOf(wanted: { displayName: string; bio: string; locale: string }, paths: string[]): ProfileChange {
  const change: ProfileChange = {};
  if (paths.includes("display_name")) change.displayName = tidy(wanted.displayName);
  if (paths.includes("bio")) change.bio = tidy(wanted.bio);
  if (paths.includes("locale")) change.locale = wanted.locale;
  if (change.displayName === "") throw new RangeError("display_name must not be empty");
  return change;
}

/** Keeps line breaks; other control and invisible formatting characters go. */
const tidy = (text: string) => text.replace(/[^\P{C}\n]/gu, "").trim();
