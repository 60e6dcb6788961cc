import type { JWK } from "jose";
import type pg from "pg";
import type { Database } from "#kit/postgres.ts";

/** A signing key as it lies in the database. */
export interface StoredKey {
  /** The `kid` of its tokens. */
  keyId: string;
  publicJwk: JWK;
  /** PKCS #8, sealed under the key's id. */
  sealedPrivateKey: Buffer;
  /** From when on it signs. */
  activateTime: Date;
}

export interface KeyStore {
  /** All keys, in the order of activation. */
  list(): Promise<StoredKey[]>;
  /**
   * Lets `decide` add and drop keys while no other process can, so that of many that want the same one does it.
   *
   * @returns all keys after the change.
   */
  change(decide: (keys: StoredKey[]) => Promise<{ add?: StoredKey | undefined; drop: string[] }>): Promise<StoredKey[]>;
}

interface Row {
  key_id: string;
  public_jwk: JWK;
  sealed_private_key: Buffer;
  activate_time: Date;
}

/** Any number will do, as long as no other lock of this database has it. */
const lock = 7_201_901;

export function createPostgresKeyStore(database: Database): KeyStore {
  return {
    list: () => list(database.pool),
    change: (decide) =>
      database.transaction(async (client) => {
        await client.query("select pg_advisory_xact_lock($1)", [lock]);
        const { add, drop } = await decide(await list(client));
        await client.query("delete from signing_key where key_id = any($1)", [drop]);
        if (add)
          await client.query(
            "insert into signing_key (key_id, public_jwk, sealed_private_key, activate_time) values ($1, $2, $3, $4)",
            [add.keyId, add.publicJwk, add.sealedPrivateKey, add.activateTime],
          );
        return await list(client);
      }),
  };
}

async function list(client: pg.Pool | pg.ClientBase): Promise<StoredKey[]> {
  const { rows } = await client.query<Row>("select * from signing_key order by activate_time, key_id");
  return rows.map((row) => ({
    keyId: row.key_id,
    publicJwk: row.public_jwk,
    sealedPrivateKey: row.sealed_private_key,
    activateTime: row.activate_time,
  }));
}
