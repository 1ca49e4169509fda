<?php
/**
 * Nothing to see here.
 *
 * @package Relay_Connector
 */

defined( 'ABSPATH' ) || exit;
