/** How strong a player is, by Glicko-2: on Glicko's scale, where everybody begins at 1500. */
export interface Rating {
  rating: number;
  /** Standard deviation of the rating. */
  deviation: number;
  /** How erratic the player's results are. */
  volatility: number;
}

/** One game against an opponent, as the opponent was before it. */
export interface Game {
  opponent: Rating;
  /** 1 for a win, 0.5 for a draw, 0 for a loss. */
  score: number;
}

export const newRating: Readonly<Rating> = Object.freeze({ rating: 1_500, deviation: 350, volatility: 0.06 });

/** τ: how much a volatility may change from one period to the next. */
const systemConstant = 0.5;
/** How far the search for the volatility goes on. */
const tolerance = 1e-6;
/** Glicko-2 counts in units of this many points of Glicko. */
const scale = 173.7178;

/**
 * The rating after a period with `games`, or without any.
 *
 * Mark E. Glickman, "Example of the Glicko-2 system", 2013; the names and step numbers are his.
 */
export function rate(player: Rating, games: readonly Game[]): Rating {
  const mu = (player.rating - newRating.rating) / scale;
  const phi = player.deviation / scale;
  if (games.length === 0) return toRating(mu, Math.hypot(phi, player.volatility), player.volatility);

  // Steps 3 and 4: the estimated variance v, and the improvement Δ.
  let information = 0;
  let surprise = 0;
  for (const { opponent, score } of games) {
    const g = weight(opponent.deviation / scale);
    const expected = 1 / (1 + Math.exp(-g * (mu - (opponent.rating - newRating.rating) / scale)));
    information += g * g * expected * (1 - expected);
    surprise += g * (score - expected);
  }
  const v = 1 / information;
  const sigma = newVolatility(phi, player.volatility, v, v * surprise);

  // Steps 6 to 8.
  const phiStar = Math.hypot(phi, sigma);
  const phiAfter = 1 / Math.sqrt(1 / (phiStar * phiStar) + information);
  return toRating(mu + phiAfter * phiAfter * surprise, phiAfter, sigma);
}

/** The rating after `periods` without a game: just as good, but less sure. */
export function age(player: Rating, periods: number): Rating {
  const phi = player.deviation / scale;
  const grown = Math.sqrt(phi * phi + Math.max(0, periods) * player.volatility * player.volatility);
  return { ...player, deviation: Math.min(newRating.deviation, grown * scale) };
}

/** g(φ): how much a game against somebody of this deviation says. */
const weight = (phi: number) => 1 / Math.sqrt(1 + (3 * phi * phi) / (Math.PI * Math.PI));

/** Step 5: the Illinois variant of regula falsi. */
function newVolatility(phi: number, volatility: number, v: number, delta: number): number {
  const a = Math.log(volatility * volatility);
  const f = (x: number) => {
    const ex = Math.exp(x);
    const sum = phi * phi + v + ex;
    return (ex * (delta * delta - sum)) / (2 * sum * sum) - (x - a) / (systemConstant * systemConstant);
  };
  let from = a;
  let to: number;
  if (delta * delta > phi * phi + v) to = Math.log(delta * delta - phi * phi - v);
  else {
    let k = 1;
    while (f(a - k * systemConstant) < 0) k++;
    to = a - k * systemConstant;
  }
  let fFrom = f(from);
  let fTo = f(to);
  while (Math.abs(to - from) > tolerance) {
    const between = from + ((from - to) * fFrom) / (fTo - fFrom);
    const fBetween = f(between);
    if (fBetween * fTo <= 0) {
      from = to;
      fFrom = fTo;
    } else fFrom /= 2;
    to = between;
    fTo = fBetween;
  }
  return Math.exp(from / 2);
}

const toRating = (mu: number, phi: number, volatility: number): Rating => ({
  rating: mu * scale + newRating.rating,
  deviation: Math.min(newRating.deviation, phi * scale),
  volatility,
});
