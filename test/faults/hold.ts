/** Run as a process of its own: holds the write lock of a database until its standard input ends. */
import { once } from 'node:events';
import Database from 'better-sqlite3';

const db = new Database(process.argv[2] ?? '', { fileMustExist: true, timeout: 10_000 });
db.exec('BEGIN IMMEDIATE');
process.stdout.write('held\n');
process.stdin.resume();
await once(process.stdin, 'end');
db.close();
