/** The rules alone, for so many seconds (the argument): prints casts and seconds of processor time of strikes, then of a whole fight with all skills, as JSON. */
import { loadCatalog } from "../../../services/combat/catalog.ts";
import { apply, type Outcome } from "../../../services/combat/rules/apply.ts";
import { createZone } from "../../../services/combat/rules/zone.ts";
import { createSparring, hall } from "../../../services/combat/sparring.ts";
import { groupOf, placeOf, playerCount, playerId, scene, targetId, trainingCatalog } from "./scene.ts";

const seconds = Number(process.argv[2]);

const used = () => process.cpuUsage().user / 1e6;

/** Runs for the time; `once` gives the casts of one round. */
function measure(once: () => number): { casts: number; seconds: number } {
  for (const warm = used() + 1; used() < warm; ) for (let i = 0; i < 100; i++) once();
  const start = used();
  let casts = 0;
  while (used() - start < seconds) for (let i = 0; i < 100; i++) casts += once();
  return { casts, seconds: used() - start };
}

function strikes() {
  const zone = createZone({ catalog: trainingCatalog(), obstacles: [], pvp: false }, 1);
  for (let group = 0; group < scene.groups; group++)
    apply(zone, { type: "enter", id: targetId(group), kind: "dummy", ...placeOf(group) }, 0);
  for (let number = 0; number < playerCount; number++)
    apply(zone, { type: "enter", id: playerId(number), ...placeOf(groupOf(number)) }, 0);
  let [now, number] = [0, 0];
  return () => {
    number = (number + 1) % playerCount;
    if (number === 0) now++;
    const target = targetId(groupOf(number));
    const { cast } = apply(zone, { type: "cast", id: playerId(number), skill: "strike", target }, now);
    if (cast?.refused !== undefined) throw new Error(cast.refused);
    return 1;
  };
}

function wholeFight() {
  const catalog = loadCatalog();
  const zone = createZone({ catalog, obstacles: hall, pvp: false }, 1);
  const sparring = createSparring(catalog, 1);
  let outcome: Outcome | undefined;
  return () => {
    const { command, now } = sparring.next(outcome);
    outcome = apply(zone, command, now);
    return outcome.cast?.refused === undefined && outcome.cast ? 1 : 0;
  };
}

console.log(JSON.stringify({ strikes: measure(strikes()), wholeFight: measure(wholeFight()) }));
