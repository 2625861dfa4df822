/** The fault table, first half: Nacos and Prometheus. */
import './nacos.suite.ts';
import './prometheus.suite.ts';
