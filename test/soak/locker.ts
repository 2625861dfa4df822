/** `node locker.ts DATABASE`: holds the write lock of a database until its input ends. Says "locked" once it has it. */
import Database from 'better-sqlite3';

const db = new Database(process.argv[2], { timeout: 10_000 });
db.exec('BEGIN IMMEDIATE');
console.log('locked');
process.stdin.resume();
process.stdin.once('end', () => {
  db.exec('ROLLBACK');
  db.close();
});
