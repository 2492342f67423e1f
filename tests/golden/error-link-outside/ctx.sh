ln -s /etc/passwd evil
