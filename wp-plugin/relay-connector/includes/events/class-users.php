<?php
/**
 * Registrations.
 *
 * @package Relay_Connector
 */

namespace Relay_Connector\Events;

defined( 'ABSPATH' ) || exit;

/**
 * A new user is sent once, whether people register themselves, buy something or are added by an admin. The password, in
 * whatever form, is no part of it.
 */
final class Users extends Base_Source {

	const TYPE = 'user.registered';

	/**
	 * The short name.
	 *
	 * @return string
	 */
	public function slug() {
		return 'users';
	}

	/**
	 * The name for the settings page.
	 *
	 * @return string
	 */
	public function label() {
		return __( 'Registrations', 'relay-connector' );
	}

	/**
	 * What is sent and when.
	 *
	 * @return string
	 */
	public function help() {
		return __( 'Each new user is sent once, however the account was made. Passwords are never sent.', 'relay-connector' );
	}

	/**
	 * What an admin may leave out.
	 *
	 * @return string[]
	 */
	public function optional_fields() {
		return array(
			'email' => __( 'E-mail address', 'relay-connector' ),
			'name'  => __( 'Name', 'relay-connector' ),
		);
	}

	/**
	 * Listens to new users.
	 */
	public function add_hooks() {
		add_action( 'user_register', array( $this, 'on_register' ), 1000, 1 );
	}

	/**
	 * Whether events of a type come from here.
	 *
	 * @param string $type The event type.
	 * @return bool
	 */
	public function handles( $type ) {
		return self::TYPE === $type;
	}

	/**
	 * A user was made.
	 *
	 * @param int $id The user.
	 */
	public function on_register( $id = 0 ) {
		$this->run_safely(
			function () use ( $id ) {
				$id = self::number( $id );
				if ( $id > 0 ) {
					$this->outbox->add( self::TYPE, $id, self::TYPE . ':' . $id );
				}
			}
		);
	}

	/**
	 * Asks whether the user is still there.
	 *
	 * @param object $row The row.
	 * @throws Event_Withdrawn When not.
	 */
	public function check( $row ) {
		parent::check( $row );
		if ( ! get_userdata( (int) $row->object_id ) ) {
			throw new Event_Withdrawn( esc_html__( 'The user was deleted before it could be sent, so it was not sent.', 'relay-connector' ) );
		}
	}

	/**
	 * The fields of one event.
	 *
	 * @param object $row The row.
	 * @return array
	 */
	public function data( $row ) {
		$user       = get_userdata( (int) $row->object_id );
		$is_address = is_email( $user->user_login );
		$fields     = array(
			'id'         => (int) $user->ID,
			'login'      => Text::line( $user->user_login ),
			'roles'      => array_values( $user->roles ),
			'created_at' => str_replace( ' ', 'T', $user->user_registered ) . 'Z',
		);
		if ( $this->choices->sends_field( $this->slug(), 'email' ) ) {
			$fields['email'] = (string) $user->user_email;
		} elseif ( $is_address ) {
			// Many people log in with their e-mail address: it is one under any name.
			unset( $fields['login'] );
		}
		if ( $this->choices->sends_field( $this->slug(), 'name' ) ) {
			$fields['name']       = Text::line( $user->display_name );
			$fields['first_name'] = Text::line( $user->first_name );
			$fields['last_name']  = Text::line( $user->last_name );
		}
		return $fields;
	}

	/**
	 * The person's e-mail address.
	 *
	 * @param object $row The row.
	 * @return string
	 */
	public function email( $row ) {
		$user = get_userdata( (int) $row->object_id );
		return $user ? (string) $user->user_email : '';
	}

	/**
	 * How an admin would call a user: the first letter is enough to tell two apart.
	 *
	 * @param object $row The row.
	 * @return array With label and url.
	 */
	public function describe( $row ) {
		$user = get_userdata( (int) $row->object_id );
		return array(
			'label' => $user
				/* translators: 1: number of a user, 2: first letter of a name. */
				? sprintf( __( 'User %1$d, %2$s•••', 'relay-connector' ), $row->object_id, mb_substr( $user->user_login, 0, 1 ) )
				/* translators: %d: number of a user. */
				: sprintf( __( 'User %d (deleted)', 'relay-connector' ), $row->object_id ),
			'url'   => $user ? admin_url( 'user-edit.php?user_id=' . (int) $row->object_id ) : '',
		);
	}
}
