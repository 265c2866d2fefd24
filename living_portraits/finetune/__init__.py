"""A person for the engine `talking-head`: fine-tuning as in Zakharov et al. 2019, section 3.3, from one picture on."""
