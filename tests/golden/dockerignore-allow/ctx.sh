chmod 750 src2
