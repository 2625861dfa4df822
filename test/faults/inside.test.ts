/** The fault table, second half: the database, the files, the processes and the clock of the controller itself. */
import './clock.suite.ts';
import './files.suite.ts';
import './processes.suite.ts';
import './store.suite.ts';
