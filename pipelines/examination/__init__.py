"""Whether machine, cluster, bundle, archive and output are fit for a job."""
